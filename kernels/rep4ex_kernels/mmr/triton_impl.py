"""The MMR penalty on the GPU: moments, factors, prepare, pair, combine; a fit for the gradient.

    value = <r, K r> / n^2,  r = P phi,      gradient = 2 P K r / n^2

(Muandet, Jitkrittum and Kuebler 2020, equation 9, the V-statistic.) Five launches make the value
and U = K r with its moments, a sixth the gradient; what each does is in ``triton_kernel.py``. No
torch operation stands between them and nothing waits. Also here, for second derivatives and for
what is no residual, the kernel product by itself.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels._launch import launch, on_its_device, scratch
from rep4ex_kernels._triton_least_squares import state_size
from rep4ex_kernels._triton_pairs import (
    CHUNK_COLUMNS,
    EVERY_FORM,
    SERIES_LIMIT,
    SPREAD_LIMIT,
    check_float32,
    check_precision,
    column_splits,
    multiprocessors,
    padded,
    power_of_two,
    split_width,
)
from rep4ex_kernels._triton_table import BLOCK, LEAST_SQUARES, architecture_of, pair_configuration
from rep4ex_kernels.mmr import triton_small
from rep4ex_kernels.mmr.triton_kernel import combine_kernel, pair_kernel, prepare_kernel
from rep4ex_kernels.residualize.triton_impl import (
    Geometry,
    Moments,
    centred_moments,
    fit,
    geometry,
    moments_and_state,
)

# Columns of values in one product with a tile of the kernel; each is stored as two terms. Half as
# many beside the moments of many actions, which share their registers.
MOST_COLUMNS, MANY_ACTIONS = 32, 32


class Penalty(NamedTuple):
    """A penalty and what its gradient is made from."""

    value: Tensor  # (B,) float32
    product: Tensor  # (B, n, d): U less what P removes
    moments: Moments  # of the product
    state: Tensor  # of the actions

    def gradient(self, actions: Tensor, upstream: Tensor) -> Tensor:
        """2 P U / n^2 times the upstream gradient (B,), as (B, n, d) float32."""
        factor = 2 / actions.shape[1] ** 2
        return _gradient(actions, self, upstream.contiguous(), factor)


@on_its_device
def _gradient(actions: Tensor, penalty: Penalty, upstream: Tensor, factor: float) -> Tensor:
    return fit(actions, penalty.product, penalty.state, penalty.moments, None, upstream, factor)


@on_its_device
def penalty_pass(
    representation: Tensor,
    actions: Tensor,
    bandwidth: Tensor,
    precision: str = "precise",
    state: Tensor | None = None,
) -> Penalty:
    """The V-statistic of representation (B, n, d), actions (B, n, k), bandwidth (B,) float64.

    All but the bandwidth are float32 and contiguous. A state of the actions that is known already
    saves its launch.
    """
    check_float32(representation=representation, actions=actions)
    _, n, d = representation.shape
    k = actions.shape[2]
    if representation.numel() == 0:
        return _empty(representation, actions)
    layout = layout_of(n, k, d)
    if state is None and triton_small.takes(n, k, d):
        sizes = layout.tiles, layout.width, layout.terms, layout.tile
        values, product, of_product, state = triton_small.small_pass(
            representation, actions, bandwidth, geometry(n, k, d), sizes
        )
        return Penalty(values.sum(1, dtype=torch.float32), product, of_product, state)
    if state is None:
        moments, state = moments_and_state(actions, representation, None, 0.0)
    else:
        moments = centred_moments(actions, representation, state)
    prepared = _prepare(actions, representation, state, bandwidth, moments, layout)
    precise = check_precision(precision, n)
    partial, splits = _pairs(prepared, state, bandwidth, layout, precise)
    product, values, of_product = _combine(
        actions, state, bandwidth, prepared, partial, splits, layout, precise, moments.shape
    )
    value = values.sum((1, 2), dtype=torch.float32)
    return Penalty(value, product, of_product, state)


def _empty(representation: Tensor, actions: Tensor) -> Penalty:
    batches, n, d = representation.shape
    k = actions.shape[2]
    nothing = representation.new_zeros((batches, 1, 1), dtype=torch.float64)
    moments = Moments(nothing, nothing, True, geometry(n, k, d))
    return Penalty(representation.new_zeros(batches), representation, moments, nothing)


class Layout(NamedTuple):
    """Sizes of what the kernels of one call exchange."""

    tiles: int  # of BLOCK rows
    width: int  # K of the augmented product, 0 where there is none
    columns: int  # of values
    per_chunk: int
    chunks: int
    terms: int  # W: columns of one chunk in two terms, a power of two
    tile: int  # D: columns of one chunk, a power of two


@functools.lru_cache(maxsize=256)
def layout_of(n: int, k: int, columns: int) -> Layout:
    """Layout of n points of k features with so many columns of values."""
    per_chunk = min(columns, MOST_COLUMNS if k < MANY_ACTIONS else MOST_COLUMNS // 2)
    return Layout(
        padded(n) // BLOCK, split_width(k), columns, per_chunk, -(-columns // per_chunk),
        power_of_two(2 * per_chunk, 16), power_of_two(per_chunk, 2),
    )  # fmt: skip


class Prepared(NamedTuple):
    """Points and values in the layouts of ``_triton_pairs``."""

    columns: Tensor  # (B, n_padded, K) float16
    planar: Tensor  # (B, k, n_padded) float32
    norms: Tensor  # (B, n_padded) float32
    largest: Tensor  # (B, tiles) float32
    weights: Tensor  # (B, chunks, n_padded, W) float16
    scales: Tensor  # (B, columns) float32


def _prepare(
    actions: Tensor,
    targets: Tensor,
    state: Tensor,
    bandwidth: Tensor,
    moments: Moments | Tensor,
    layout: Layout,
) -> Prepared:
    """Prepare residuals, or with the squares (B, columns) of values in place of moments, those."""
    batches, n, k = actions.shape
    rows = layout.tiles * BLOCK
    half = functools.partial(scratch, like=actions, dtype=torch.float16)
    prepared = Prepared(
        half((batches, rows, max(layout.width, 1))),
        scratch((batches, k, rows), actions),
        scratch((batches, rows), actions),
        scratch((batches, layout.tiles), actions),
        half((batches, layout.chunks, rows, layout.terms)),
        scratch((batches, layout.columns), actions),
    )
    residual = isinstance(moments, Moments)
    shape = moments.shape if isinstance(moments, Moments) else _NO_FIT
    cross, squares = moments[:2] if isinstance(moments, Moments) else (moments, moments)
    config = LEAST_SQUARES["prepare"]
    programs = min(layout.tiles, -(-4 * multiprocessors(actions.device) // max(1, batches)))
    per_program = -(-layout.tiles // programs)
    launch(
        prepare_kernel, (batches, -(-layout.tiles // per_program), layout.chunks),
        actions, targets, state, cross, squares, bandwidth, *prepared,
        layout.tiles, per_program, n, k, targets.shape[2], layout.columns, layout.per_chunk,
        shape.parts, shape.width if residual else layout.columns, state.shape[1],
        CENTRED=isinstance(moments, Moments) and moments.centred, RESIDUAL=residual,
        BASIS=layout.columns > targets.shape[2],
        K=layout.width, W=layout.terms, F=shape.features, HEIGHT=shape.height, D=layout.tile,
        BLOCK=BLOCK, BLOCK_R=config.block_m, num_warps=config.num_warps,
        num_stages=config.num_stages,
    )  # fmt: skip
    return prepared


_NO_FIT = Geometry(1, 2, 2, 1, 1, 1, 1, 1)


def _pairs(
    prepared: Prepared, state: Tensor, bandwidth: Tensor, layout: Layout, precise: bool
) -> tuple[Tensor, int]:
    """Partial sums (splits, B, chunks, n_padded, W) of every split of the columns."""
    batches, k, rows = prepared.planar.shape
    device = prepared.planar.device
    config = pair_configuration(architecture_of(device), layout.width, layout.terms)
    row_tiles = batches * (rows // config.block_m)
    splits, per_split = column_splits(row_tiles * layout.chunks, rows, config.block_n, device)
    partial = scratch((splits, batches, layout.chunks, rows, layout.terms), prepared.planar)
    launch(
        pair_kernel, (row_tiles, splits, layout.chunks),
        prepared.columns, prepared.planar, prepared.norms, prepared.largest, prepared.weights,
        state, bandwidth, partial, layout.tiles, k, batches, per_split // config.block_n,
        state.shape[1], SPREAD_LIMIT["precise" if precise else "fast"],
        FORMS=EVERY_FORM, UNROLLED=k if k <= 2 else 0, K=layout.width, W=layout.terms,
        PRECISE=precise, CHUNK=CHUNK_COLUMNS, BLOCK=BLOCK,
        BLOCK_M=config.block_m, BLOCK_N=config.block_n,
        num_warps=config.num_warps, num_stages=config.num_stages,
    )  # fmt: skip
    return partial, splits


def _combine(
    actions: Tensor,
    state: Tensor,
    bandwidth: Tensor,
    prepared: Prepared,
    partial: Tensor,
    splits: int,
    layout: Layout,
    precise: bool,
    shape: Geometry | None,
) -> tuple[Tensor, Tensor, Moments]:
    """U (B, n, columns), partial values (B, chunks, parts) over n^2, and the moments of U.

    Without a geometry U alone.
    """
    batches, n, k = actions.shape
    product = scratch((batches, n, layout.columns), actions)
    values = cross = squares = state
    sizes = shape or _NO_FIT
    parts, per_part = sizes.parts, sizes.rows_per_part
    if shape is None:
        per_part = 128
        parts = -(-n // per_part)
    else:
        double = functools.partial(scratch, like=actions, dtype=torch.float64)
        values = double((batches, layout.chunks, parts))
        cross = double((batches, parts, shape.height, shape.width))
        squares = double((batches, parts, shape.width))
    config = LEAST_SQUARES["moments"]
    launch(
        combine_kernel, (batches, parts, layout.chunks),
        actions, state, bandwidth, prepared.largest, prepared.weights, partial, prepared.scales,
        product, values, cross, squares,
        layout.tiles, batches, splits, per_part, n, k, layout.columns, layout.per_chunk,
        sizes.width, state.shape[1], 1 / n**2,
        MOMENTS=shape is not None, PRECISE=precise, W=layout.terms, HEIGHT=sizes.height,
        D=layout.tile, BLOCK_R=32 if shape is None else shape.block, BLOCK=BLOCK,
        num_warps=config.num_warps, num_stages=config.num_stages,
    )  # fmt: skip
    return product, values, Moments(cross, squares, True, sizes)


@on_its_device
def kernel_product(
    points: Tensor, values: Tensor, bandwidth: Tensor, precision: str = "precise"
) -> Tensor:
    """U (B, n, d) = sum_j exp(-|p_i - p_j|^2 / (2 bandwidth^2)) v_j, in the dtype of the values.

    points (B, n, k) centred, float32; values (B, n, d), float32 or, where what is made of U
    cancels, float64; both contiguous; bandwidth (B,). Fast mode rounds K less its tangent, but for
    its diagonal, to half precision.
    """
    check_float32(points=points)
    if values.dtype != torch.float64:
        check_float32(values=values)
    batches, n, k = points.shape
    precise = check_precision(precision, n)
    if values.numel() == 0 or k == 0:
        # Without features every kernel value is one.
        return values.sum(1, keepdim=True).expand_as(values).contiguous()
    width = bandwidth.double()
    layout = layout_of(n, k, values.shape[2])
    # The state of points that are centred already, as far as the kernels need it.
    state = points.new_zeros((batches, state_size(k)), dtype=torch.float64)
    state[:, 0] = n
    state[:, 1] = points.double().square().sum((1, 2))
    squares = values.double().square().sum(1)
    prepared = _prepare(points, values, state, width, squares, layout)
    partial, splits = _pairs(prepared, state, width, layout, precise)
    product, _, _ = _combine(points, state, width, prepared, partial, splits, layout, precise, None)
    return (product + _tangent_product(points, values, width, prepared, state)).to(values.dtype)


def _tangent_product(
    points: Tensor, values: Tensor, bandwidth: Tensor, prepared: Prepared, state: Tensor
) -> Tensor:
    """sum_j (alpha - beta m_ij) v_j (B, n, d) in float64, from moments: linear in n.

    What the kernel leaves out, see `triton_kernel.tangent`: 2^-c e ln(2) (c - m) or, for a series,
    1 - m ln 2.
    """
    scale = math.sqrt(math.log2(math.e) / 2) / bandwidth
    mean = 2 * scale.square() * state[:, 1] / state[:, 0]
    spread = prepared.largest.amax(1)
    # As the kernels round it: a difference in the last bit would be another tangent.
    shift = ((1.4426950408889634 + mean.float()) * 4096 + 0.5).floor().double() / 4096
    removed = (mean.float() <= 3) & (spread <= 1000)
    beta = torch.where(removed, torch.exp2(-shift) * math.e * math.log(2), 0.0)
    series = spread < SERIES_LIMIT
    alpha = torch.where(series, 1.0, beta * shift)[:, None, None]
    beta = torch.where(series, math.log(2), beta)[:, None, None]
    z, v = points.double() * scale[:, None, None], values.double()
    squares = z.square().sum(-1, keepdim=True)
    total = v.sum(1, keepdim=True)
    weighted = (squares * v).sum(1, keepdim=True)
    return (alpha - beta * squares) * total - beta * weighted + 2 * beta * (z @ (z.mT @ v))
