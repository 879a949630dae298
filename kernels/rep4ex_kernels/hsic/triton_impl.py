"""HSIC and its gradients on the GPU, in two passes over all pairs.

Both statistics (Gretton et al. 2005, eq. 9; Song et al. 2012, eq. 5) have the form

    HSIC = f sum_ij K_ij Lc_ij,   Lc_ij = L_ij - b_i - b_j,   d HSIC / d K_ij = f Lc_ij,

b an affine function of the row sums of L, and the same with the roles of K and L exchanged; the
unbiased one leaves out the diagonal. The first pass sums the rows of K and L less a level each,
which Lc does not depend on; the second accumulates the products of K Lc with [x, 1] and of L Kc
with [y, 1] on the tensor cores. Both distances take the split form, or both the direct one.

Where a bandwidth is wide all values are near one, and HSIC is made of how they depart from one:
that side works with K - 1, summed as a series, instead of K. Centring does not see the difference.
The diagonal has no part in a gradient but outweighs all else for narrow bandwidths; it is left out
of the second pass, and its part of the value is added from the shifts in float64.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rep4ex_kernels._triton_helpers import (
    BEYOND,
    CHUNK_COLUMNS,
    MAX_SPLIT_FEATURES,
    ROUTE_DIRECT,
    SERIES_LIMIT,
    SPREAD_LIMIT,
    PreparedPoints,
    PreparedWeights,
    check_float32,
    check_precision,
    column_splits,
    combine_partials,
    on_its_device,
    power_of_two,
    prepare_points,
    prepare_weights,
    scratch,
    stored_points,
)
from rep4ex_kernels._triton_table import BLOCK, architecture_of, pair_configuration
from rep4ex_kernels.hsic.triton_kernel import LIFT, hsic_kernel, row_sums_kernel

WEIGHT_WIDTH = 32  # of each of the two products


@dataclass(frozen=True)
class Side:
    """One of the two samples: float64 scaled points, their layouts, level and scale."""

    z: Tensor  # (B, n, features) float64
    scale: Tensor  # (B,) float64
    points: PreparedPoints
    level: Tensor  # (B,) float32: about the mean kernel value, less one for a series
    series: Tensor  # (B,) bool: the kernel's values are summed less one, as a series
    weights: PreparedWeights  # of [z, 1, 0]

    @property
    def at_zero(self) -> Tensor:
        """(B,) float64: what stands for the kernel value at distance zero."""
        return 1.0 - self.series.double()


@on_its_device
def hsic_pass(
    x: Tensor,
    y: Tensor,
    bandwidth_x: Tensor,
    bandwidth_y: Tensor,
    unbiased: bool,
    precision: str = "precise",
) -> tuple[Tensor, Tensor, Tensor]:
    """HSIC (B,) and its gradients (B, n, p), (B, n, q); all float32 and contiguous."""
    check_float32(x=x, y=y, bandwidth_x=bandwidth_x, bandwidth_y=bandwidth_y)
    n = x.shape[1]
    precise = check_precision(precision, n)
    if x.numel() == 0 or y.numel() == 0:
        return x.new_zeros(x.shape[0]), torch.zeros_like(x), torch.zeros_like(y)
    limit = SPREAD_LIMIT["precise" if precise else "fast"]
    widest = max(x.shape[2], y.shape[2])
    a, b = (
        _side(sample, bandwidth, widest, limit)
        for sample, bandwidth in ((x, bandwidth_x), (y, bandwidth_y))
    )
    form = torch.maximum(a.points.route, b.points.route)
    if widest > MAX_SPLIT_FEATURES:
        form = torch.full_like(form, ROUTE_DIRECT)
    a, b = (_with_form(side, form) for side in (a, b))
    route = form + 2 * a.series.int() + 4 * b.series.int()
    sums = _row_sums(a, b, route)
    shifts, diagonals = _shifts(sums, a, b, unbiased)
    x_sums, y_sums, values = _weighted(a, b, shifts, route, precise)
    total = values[:, :n].sum(1) / LIFT.value  # Lc sums to zero, so K may be taken less its level
    if unbiased:
        factor = torch.full_like(total, 1 / (n * (n - 3)))
    else:
        total = total + (a.at_zero - a.level.double()) * diagonals
        factor = torch.full_like(total, 1 / n**2)
    grad_x = _gradient(a, x_sums[:, :n], factor)
    grad_y = _gradient(b, y_sums[:, :n], factor)
    value = factor * total
    for side, gradient in ((a, grad_x), (b, grad_y)):
        rounding = (side.z - stored_points(side.points, (n,))) / side.scale[:, None, None]
        value = value + (gradient * rounding).sum((1, 2))
    return value.float(), grad_x.float(), grad_y.float()


def _side(sample: Tensor, bandwidth: Tensor, widest: int, limit: float) -> Side:
    n, features = sample.shape[1:]
    centred = sample.double() - sample.double().mean(1, keepdim=True)
    scale = math.sqrt(math.log2(math.e) / 2) / bandwidth.double()
    z = centred * scale[:, None, None]
    width = power_of_two(widest, 16)
    points = prepare_points(z.float(), (n,), BLOCK, limit, BEYOND, 0.0, width)
    level, series = torch.zeros_like(bandwidth), torch.zeros_like(bandwidth, dtype=torch.bool)
    columns = torch.cat([z, torch.ones_like(z[..., :1])], -1).float()
    columns = torch.nn.functional.pad(columns, (0, widest - features))
    weights = prepare_weights(columns, (n,), BLOCK, WEIGHT_WIDTH)
    return Side(z, scale, points, level, series, weights)


def _with_form(side: Side, form: Tensor) -> Side:
    """The side with the form (B,) that both take. A direct form of few features is a narrow one."""
    points = replace(side.points, route=form)
    series = points.spread < SERIES_LIMIT
    if points.width:
        series &= form != ROUTE_DIRECT
    exponent = 2 * math.log(2) * side.z.square().sum(-1).mean(-1)
    level = torch.where(series, torch.expm1(-exponent), torch.exp(-exponent)).float()
    return replace(side, points=points, series=series, level=level)


def _routes(widest: int) -> Iterator[tuple[int, bool, bool, bool]]:
    """(code, direct, series of K, series of L) of each launch; one handles a problem."""
    split = widest <= MAX_SPLIT_FEATURES
    if split:
        yield ROUTE_DIRECT, True, False, False
    for series_x, series_y in itertools.product((False, True), repeat=2):
        code = (0 if split else ROUTE_DIRECT) + 2 * series_x + 4 * series_y
        yield code, not split, series_x, series_y


def _row_sums(a: Side, b: Side, route: Tensor) -> Tensor:
    """(B, 2, n_padded) float64: row sums of K and L over the real columns, less their levels."""
    batches, n_padded = a.points.sentinels.shape
    tiles = batches * (n_padded // BLOCK)
    splits, per_split = column_splits(tiles, n_padded, BLOCK, a.z.device)
    sums = scratch((splits, batches, 2, n_padded), a.points.planar)
    levels = _levels(a, b)
    for code, direct, series_x, series_y in _routes(max(a.z.shape[2], b.z.shape[2])):
        width = 0 if direct else a.points.width
        config = pair_configuration(architecture_of(a.z.device), "hsic", width, 0)
        row_sums_kernel[(batches * (n_padded // config.block_m), splits)](
            *a.points.operands(direct), *b.points.operands(direct), levels, sums, route,
            n_padded, a.z.shape[2], b.z.shape[2], batches, per_split,
            DIRECT=direct, K=width, SERIES_X=series_x, SERIES_Y=series_y,
            ROUTE=code, CHUNK=CHUNK_COLUMNS,
            BLOCK_M=config.block_m, BLOCK_N=config.block_n,
            num_warps=config.num_warps, num_stages=config.num_stages,
        )  # fmt: skip
    return sums.double().sum(0)


def _levels(a: Side, b: Side) -> Tensor:
    """Levels of K and L a column, (B, 2, n_padded); zero for padding, as its kernel value is."""
    n, n_padded = a.z.shape[1], a.points.sentinels.shape[1]
    levels = torch.stack([a.level, b.level], 1)[:, :, None].repeat(1, 1, n_padded)
    levels[..., n:] = 0.0
    return levels


def _shifts(sums: Tensor, a: Side, b: Side, unbiased: bool) -> tuple[Tensor, Tensor]:
    """Shifts (B, 2, n_padded) float32 that centre K and L, and sum_i Lc_ii (B,)."""
    n = a.z.shape[1]
    levels = torch.stack([a.level, b.level], -1).double()[..., None]
    if unbiased:
        sums = sums - (torch.stack([a.at_zero, b.at_zero], -1)[..., None] - levels)  # the diagonal
        total = sums[..., :n].sum(-1, keepdim=True)
        shifts = sums / (n - 2) - total / (2 * (n - 1) * (n - 2))
    else:
        shifts = sums / n - sums[..., :n].sum(-1, keepdim=True) / (2 * n**2)
    shifts = shifts + levels / 2
    diagonals = (b.at_zero[:, None] - 2 * shifts[:, 1, :n]).sum(-1)
    shifts[..., n:] = 0.0
    return shifts.float().contiguous(), diagonals


def _weighted(
    a: Side, b: Side, shifts: Tensor, route: Tensor, precise: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of LIFT K Lc [x, 1] and LIFT L Kc [y, 1] (B, n_padded, d); row sums (B, n_padded)."""
    batches, chunks, n_padded, width = a.weights.columns.shape
    tiles = batches * (n_padded // BLOCK)
    splits, per_split = column_splits(tiles * chunks, n_padded, BLOCK, a.z.device)
    shape = (splits, batches, chunks, n_padded, width)
    x_partial, y_partial = scratch(shape, shifts), scratch(shape, shifts)
    values = scratch((splits, batches, n_padded), shifts)
    levels = _levels(a, b)
    for code, direct, series_x, series_y in _routes(max(a.z.shape[2], b.z.shape[2])):
        k_width = 0 if direct else a.points.width
        config = pair_configuration(architecture_of(a.z.device), "hsic", k_width, width)
        hsic_kernel[(batches * (n_padded // config.block_m), splits, chunks)](
            *a.points.operands(direct), *b.points.operands(direct), shifts, levels,
            a.weights.columns, b.weights.columns, x_partial, y_partial, values, route,
            n_padded, a.z.shape[2], b.z.shape[2], batches, per_split,
            DIRECT=direct, K=k_width, W=width, PRECISE=precise,
            SERIES_X=series_x, SERIES_Y=series_y, ROUTE=code, CHUNK=CHUNK_COLUMNS,
            BLOCK_M=config.block_m, BLOCK_N=config.block_n,
            num_warps=config.num_warps, num_stages=config.num_stages,
        )  # fmt: skip
    return (
        combine_partials(x_partial, a.weights),
        combine_partials(y_partial, b.weights),
        values.double().sum(0),
    )


def _gradient(side: Side, sums: Tensor, factor: Tensor) -> Tensor:
    """Gradient (B, n, features) float64 from the sums of LIFT K Lc [z, 1]."""
    features = side.z.shape[2]
    sums = sums.double() / LIFT.value
    drift = side.z * sums[..., features : features + 1] - sums[..., :features]
    return (-4 * math.log(2) * factor * side.scale)[:, None, None] * drift
