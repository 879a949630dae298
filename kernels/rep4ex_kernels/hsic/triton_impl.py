"""HSIC and its gradients on the GPU, in two passes over all pairs.

Both statistics (Gretton et al. 2005, eq. 9; Song et al. 2012, eq. 5) have the form

    HSIC = f sum_ij K_ij Lc_ij,   Lc_ij = L_ij - b_i - b_j,   d HSIC / d K_ij = f Lc_ij,

b an affine function of the row sums of L, and the same with the roles of K and L exchanged; the
unbiased one leaves out the diagonal. The first pass sums the rows of K and L less a level each,
which Lc does not depend on; the second accumulates the products of K Lc with [x, 1] and of L Kc
with [y, 1] on the tensor cores. Both distances take the split form, or both the direct one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import triton
import triton.language as tl
from torch import Tensor

from rep4ex_kernels._triton_helpers import (
    BEYOND,
    CHUNK_COLUMNS,
    MAX_SPLIT_FEATURES,
    ROUTE_DIRECT,
    ROUTE_SPLIT,
    SPREAD_LIMIT,
    PreparedPoints,
    PreparedWeights,
    check_float32,
    check_precision,
    column_splits,
    combine_partials,
    direct_squares,
    power_of_two,
    prepare_points,
    prepare_weights,
    scratch,
    split_squares,
    stored_points,
    weighted_sum,
)
from rep4ex_kernels._triton_table import BLOCK, architecture_of, hsic_configuration

WEIGHT_WIDTH = 32  # of each of the two products


@triton.jit
def row_sums_kernel(
    x_ptr, x_low_ptr, x_norms_ptr, y_ptr, y_low_ptr, y_norms_ptr, levels_ptr,
    sums_ptr, route_ptr, n_padded, p, q, batches, columns_per_split,
    DIRECT: tl.constexpr, K: tl.constexpr, ROUTE: tl.constexpr, CHUNK: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """sums[split, batch, (K, L), rows] of the kernels less their levels.

    Grid (batches * n_padded / BLOCK_M, splits).
    """
    tiles = n_padded // BLOCK_M
    batch = (tl.program_id(0) // tiles).to(tl.int64)
    row = (tl.program_id(0) % tiles) * BLOCK_M
    split = tl.program_id(1)
    if tl.load(route_ptr + batch) != ROUTE:
        return
    rows = tl.arange(0, BLOCK_M)
    x_norms_ptr += batch * n_padded
    y_norms_ptr += batch * n_padded
    levels_ptr += 2 * batch * n_padded
    if DIRECT:
        x_ptr += batch * n_padded * p
        y_ptr += batch * n_padded * q
    else:
        x_ptr += batch * n_padded * K
        x_low_ptr += batch * n_padded * K
        y_ptr += batch * n_padded * K
        y_low_ptr += batch * n_padded * K
        offsets = (row + rows)[:, None] * K + tl.arange(0, K)[None, :]
        x_high, x_low = tl.load(x_ptr + offsets), tl.load(x_low_ptr + offsets)
        y_high, y_low = tl.load(y_ptr + offsets), tl.load(y_low_ptr + offsets)
        x_norms, y_norms = tl.load(x_norms_ptr + row + rows), tl.load(y_norms_ptr + row + rows)
    start = split * columns_per_split
    stop = tl.minimum(start + columns_per_split, n_padded)
    x_total = tl.zeros((BLOCK_M,), tl.float32)
    y_total = tl.zeros((BLOCK_M,), tl.float32)
    for begin in range(start, stop, CHUNK):
        x_part = tl.zeros((BLOCK_M,), tl.float32)
        y_part = tl.zeros((BLOCK_M,), tl.float32)
        for col in range(begin, tl.minimum(begin + CHUNK, stop), BLOCK_N):
            if DIRECT:
                mx = direct_squares(x_ptr, x_norms_ptr, row, col, n_padded, p, 0, BLOCK_M, BLOCK_N)
                my = direct_squares(y_ptr, y_norms_ptr, row, col, n_padded, q, 0, BLOCK_M, BLOCK_N)
            else:
                mx = split_squares(
                    x_high, x_low, x_norms, x_ptr, x_low_ptr, x_norms_ptr, col, K, BLOCK_N
                )
                my = split_squares(
                    y_high, y_low, y_norms, y_ptr, y_low_ptr, y_norms_ptr, col, K, BLOCK_N
                )
            cols = col + tl.arange(0, BLOCK_N)
            x_level = tl.load(levels_ptr + cols)
            y_level = tl.load(levels_ptr + n_padded + cols)
            x_part += tl.sum(tl.exp2(mx * -1.0) - x_level[None, :], 1)
            y_part += tl.sum(tl.exp2(my * -1.0) - y_level[None, :], 1)
        x_total += x_part
        y_total += y_part
    out = sums_ptr + 2 * (split.to(tl.int64) * batches + batch) * n_padded + row + rows
    tl.store(out, x_total)
    tl.store(out + n_padded, y_total)


@triton.jit
def hsic_kernel(  # noqa: PLR0915 - one kernel is one function
    x_ptr, x_low_ptr, x_norms_ptr, y_ptr, y_low_ptr, y_norms_ptr, shifts_ptr, levels_ptr,
    x_weights_ptr, y_weights_ptr, x_partial_ptr, y_partial_ptr, values_ptr, route_ptr,
    n_padded, p, q, batches, columns_per_split,
    DIRECT: tl.constexpr, K: tl.constexpr, W: tl.constexpr, PRECISE: tl.constexpr,
    ROUTE: tl.constexpr, CHUNK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Partial sums of 1024 K Lc [x, 1] and 1024 L Kc [y, 1], and row sums of 1024 (K - level) Lc.

    Kc = K - shift_i - shift_j with shifts (batch, (K, L), n_padded). Without the factor the weights
    of wide bandwidths would be subnormal in half precision. Grid (batches * n_padded / BLOCK_M,
    splits, chunks of weight columns).
    """
    tiles = n_padded // BLOCK_M
    batch = (tl.program_id(0) // tiles).to(tl.int64)
    row = (tl.program_id(0) % tiles) * BLOCK_M
    split = tl.program_id(1)
    if tl.load(route_ptr + batch) != ROUTE:
        return
    rows = tl.arange(0, BLOCK_M)
    wide = tl.arange(0, W)
    chunk = batch * tl.num_programs(2) + tl.program_id(2)
    x_norms_ptr += batch * n_padded
    y_norms_ptr += batch * n_padded
    x_weights_ptr += chunk * n_padded * W
    y_weights_ptr += chunk * n_padded * W
    shifts_ptr += 2 * batch * n_padded
    levels_ptr += 2 * batch * n_padded
    x_shift = tl.load(shifts_ptr + row + rows)
    y_shift = tl.load(shifts_ptr + n_padded + row + rows)
    if DIRECT:
        x_ptr += batch * n_padded * p
        y_ptr += batch * n_padded * q
    else:
        x_ptr += batch * n_padded * K
        x_low_ptr += batch * n_padded * K
        y_ptr += batch * n_padded * K
        y_low_ptr += batch * n_padded * K
        offsets = (row + rows)[:, None] * K + tl.arange(0, K)[None, :]
        x_high, x_low = tl.load(x_ptr + offsets), tl.load(x_low_ptr + offsets)
        y_high, y_low = tl.load(y_ptr + offsets), tl.load(y_low_ptr + offsets)
        x_norms, y_norms = tl.load(x_norms_ptr + row + rows), tl.load(y_norms_ptr + row + rows)
    start = split * columns_per_split
    stop = tl.minimum(start + columns_per_split, n_padded)
    x_total = tl.zeros((BLOCK_M, W), tl.float32)
    y_total = tl.zeros((BLOCK_M, W), tl.float32)
    value_total = tl.zeros((BLOCK_M,), tl.float32)
    for begin in range(start, stop, CHUNK):
        x_part = tl.zeros((BLOCK_M, W), tl.float32)
        y_part = tl.zeros((BLOCK_M, W), tl.float32)
        value_part = tl.zeros((BLOCK_M,), tl.float32)
        for col in range(begin, tl.minimum(begin + CHUNK, stop), BLOCK_N):
            if DIRECT:
                mx = direct_squares(x_ptr, x_norms_ptr, row, col, n_padded, p, 0, BLOCK_M, BLOCK_N)
                my = direct_squares(y_ptr, y_norms_ptr, row, col, n_padded, q, 0, BLOCK_M, BLOCK_N)
            else:
                mx = split_squares(
                    x_high, x_low, x_norms, x_ptr, x_low_ptr, x_norms_ptr, col, K, BLOCK_N
                )
                my = split_squares(
                    y_high, y_low, y_norms, y_ptr, y_low_ptr, y_norms_ptr, col, K, BLOCK_N
                )
            kx, ky = tl.exp2(mx * -1.0), tl.exp2(my * -1.0)
            cols = col + tl.arange(0, BLOCK_N)
            kx_centred = (kx - x_shift[:, None]) - tl.load(shifts_ptr + cols)[None, :]
            ky_centred = (ky - y_shift[:, None]) - tl.load(shifts_ptr + n_padded + cols)[None, :]
            columns = cols[:, None] * W + wide[None, :]
            x_weight = kx * (ky_centred * 1024.0)
            y_weight = ky * (kx_centred * 1024.0)
            x_part = weighted_sum(x_weight, tl.load(x_weights_ptr + columns), x_part, PRECISE)
            y_part = weighted_sum(y_weight, tl.load(y_weights_ptr + columns), y_part, PRECISE)
            # Less its level K multiplies away the rounding of the shifts of L.
            kx_lowered = kx - tl.load(levels_ptr + cols)[None, :]
            value_part += tl.sum(kx_lowered * (ky_centred * 1024.0), 1)
        x_total += x_part
        y_total += y_part
        value_total += value_part
    slot = (split.to(tl.int64) * batches * tl.num_programs(2) + chunk) * n_padded + row
    place = slot * W + rows[:, None] * W + wide[None, :]
    tl.store(x_partial_ptr + place, x_total)
    tl.store(y_partial_ptr + place, y_total)
    if tl.program_id(2) == 0:
        sums_ptr = values_ptr + (split.to(tl.int64) * batches + batch) * n_padded + row
        tl.store(sums_ptr + rows, value_total)


@dataclass(frozen=True)
class Side:
    """One of the two samples: float64 scaled points, their layouts, level and scale."""

    z: Tensor  # (B, n, features) float64
    scale: Tensor  # (B,) float64
    points: PreparedPoints
    level: Tensor  # (B,) float32: about the mean kernel value
    weights: PreparedWeights  # of [z, 1, 0]


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
    route = torch.maximum(a.points.route, b.points.route)
    if widest > MAX_SPLIT_FEATURES:
        route = torch.full_like(route, ROUTE_DIRECT)
    a, b = (replace(s, points=replace(s.points, route=route)) for s in (a, b))
    sums = _row_sums(a, b)
    shifts, diagonals = _shifts(sums, a, b, unbiased)
    x_sums, y_sums, values = _weighted(a, b, shifts, precise)
    total = values[:, :n].sum(1) / 1024  # Lc sums to zero, so K may be taken less its level
    factor = torch.full_like(total, 1 / n**2)
    if unbiased:  # leave out K_ii Lc_ii, of which K_ii is one
        total = total - (1 - a.level.double()) * diagonals
        factor = torch.full_like(total, 1 / (n * (n - 3)))
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
    level = torch.exp2(-2 * z.square().sum(-1).mean(-1)).float()
    columns = torch.cat([z, torch.ones_like(z[..., :1])], -1).float()
    columns = torch.nn.functional.pad(columns, (0, widest - features))
    return Side(z, scale, points, level, prepare_weights(columns, (n,), BLOCK, WEIGHT_WIDTH))


def _routes(widest: int) -> tuple[int, ...]:
    return (ROUTE_SPLIT, ROUTE_DIRECT) if widest <= MAX_SPLIT_FEATURES else (ROUTE_DIRECT,)


def _row_sums(a: Side, b: Side) -> Tensor:
    """(B, 2, n_padded) float64: row sums of K and L over the real columns, less their levels."""
    batches, n_padded = a.points.sentinels.shape
    tiles = batches * (n_padded // BLOCK)
    splits, per_split = column_splits(tiles, n_padded, BLOCK, a.z.device)
    sums = scratch((splits, batches, 2, n_padded), a.points.planar)
    levels = _levels(a, b)
    for route in _routes(max(a.z.shape[2], b.z.shape[2])):
        direct = route == ROUTE_DIRECT
        width = 0 if direct else a.points.width
        config = hsic_configuration(architecture_of(a.z.device), width)
        row_sums_kernel[(batches * (n_padded // config.block_m), splits)](
            *a.points.operands(direct), *b.points.operands(direct), levels, sums, a.points.route,
            n_padded, a.z.shape[2], b.z.shape[2], batches, per_split,
            DIRECT=direct, K=width, ROUTE=route, CHUNK=CHUNK_COLUMNS,
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
    """Shifts (B, 2, n_padded) float32 that centre K and L, and sum_i K_ii Lc_ii (B,)."""
    n = a.z.shape[1]
    levels = torch.stack([a.level, b.level], -1).double()[..., None]
    if unbiased:
        sums = sums - (1 - levels)  # the diagonal
        total = sums[..., :n].sum(-1, keepdim=True)
        shifts = sums / (n - 2) - total / (2 * (n - 1) * (n - 2))
    else:
        shifts = sums / n - sums[..., :n].sum(-1, keepdim=True) / (2 * n**2)
    shifts = shifts + levels / 2
    diagonals = (1 - 2 * shifts[:, 1, :n]).sum(-1)
    shifts[..., n:] = 0.0
    return shifts.float().contiguous(), diagonals


def _weighted(a: Side, b: Side, shifts: Tensor, precise: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of 1024 K Lc [x, 1] and 1024 L Kc [y, 1] (B, n_padded, d); row sums (B, n_padded)."""
    batches, chunks, n_padded, width = a.weights.columns.shape
    tiles = batches * (n_padded // BLOCK)
    splits, per_split = column_splits(tiles * chunks, n_padded, BLOCK, a.z.device)
    shape = (splits, batches, chunks, n_padded, width)
    x_partial, y_partial = scratch(shape, shifts), scratch(shape, shifts)
    values = scratch((splits, batches, n_padded), shifts)
    levels = _levels(a, b)
    for route in _routes(max(a.z.shape[2], b.z.shape[2])):
        direct = route == ROUTE_DIRECT
        k_width = 0 if direct else a.points.width
        config = hsic_configuration(architecture_of(a.z.device), k_width)
        hsic_kernel[(batches * (n_padded // config.block_m), splits, chunks)](
            *a.points.operands(direct), *b.points.operands(direct), shifts, levels,
            a.weights.columns, b.weights.columns, x_partial, y_partial, values, a.points.route,
            n_padded, a.z.shape[2], b.z.shape[2], batches, per_split,
            DIRECT=direct, K=k_width, W=width, PRECISE=precise, ROUTE=route, CHUNK=CHUNK_COLUMNS,
            BLOCK_M=config.block_m, BLOCK_N=config.block_n,
            num_warps=config.num_warps, num_stages=config.num_stages,
        )  # fmt: skip
    return (
        combine_partials(x_partial, a.weights),
        combine_partials(y_partial, b.weights),
        values.double().sum(0),
    )


def _gradient(side: Side, sums: Tensor, factor: Tensor) -> Tensor:
    """Gradient (B, n, features) float64 from the sums of 1024 K Lc [z, 1]."""
    features = side.z.shape[2]
    sums = sums.double() / 1024
    drift = side.z * sums[..., features : features + 1] - sums[..., :features]
    return (-4 * math.log(2) * factor * side.scale)[:, None, None] * drift
