"""The U-statistic of the MMR penalty on the GPU: what it takes beyond the V-statistic's pass.

    value = (<r, K r> - sum_i |r_i|^2 D_i) / (n (n - 1)),  D = diag(P K P)
    D_i = K_ii - 2 <q_i, (K Q)_i> + q_i' M q_i,            M = Q' K Q,  Q a basis of [1, A]

The pass sums r and Q as columns of values, and K stands for the kernel less its tangent, which P
removes: nothing large cancels in D. The sum of |r_i|^2 q_i' M q_i over i is <M, S> with
S = sum_i |r_i|^2 q_i q_i', so the value needs no second look at the rows; the gradient does.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from rep4ex_kernels._launch import launch, on_its_device, scratch
from rep4ex_kernels._triton_least_squares import shifted_rows, store_part
from rep4ex_kernels._triton_pairs import check_float32, check_precision, largest_of, power_of_two
from rep4ex_kernels._triton_table import BLOCK
from rep4ex_kernels.mmr.triton_impl import (
    Layout,
    Prepared,
    _combine,
    _pairs,
    _prepare,
    layout_of,
)
from rep4ex_kernels.mmr.triton_kernel import mean_exponent, tangent
from rep4ex_kernels.residualize.triton_impl import (
    Geometry,
    Moments,
    fit,
    geometry,
    moments_and_state,
)

SIZES = ["tiles", "n", "k", "d", "columns", "per_chunk", "rows_per_part", "size"]


@triton.jit
def prepared_values(
    weights_ptr, scales_ptr, rows, inside, first, count, padded, per_chunk,
    W: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    """Columns first, ..., first + count - 1 of the prepared values (rows, D), float64."""
    j = tl.arange(0, D)
    column = first + j
    place = (column // per_chunk)[None, :] * padded + rows[:, None]
    place = place * W + (column % per_chunk)[None, :]
    mask = inside[:, None] & (j < count)[None, :]
    value = tl.load(weights_ptr + place, mask=mask, other=0.0).to(tl.float64)
    value += tl.load(weights_ptr + place + per_chunk, mask=mask, other=0.0).to(tl.float64)
    scale = tl.load(scales_ptr + column, mask=j < count, other=1.0).to(tl.float64)
    return value / scale[None, :]


@triton.jit
def stored_product(product_ptr, rows, inside, first, count, columns, D: tl.constexpr):
    """The same columns of the kernel's product with the values."""
    j = tl.arange(0, D)
    place = rows[:, None] * columns + (first + j)[None, :]
    mask = inside[:, None] & (j < count)[None, :]
    return tl.load(product_ptr + place, mask=mask, other=0.0).to(tl.float64)


@triton.jit
def own_value(state_ptr, bandwidth, largest_ptr, tiles):
    """The kernel less its tangent at m = 0."""
    mean, _ = mean_exponent(state_ptr, bandwidth)
    spread = largest_of(largest_ptr, tiles, 256)
    shift, slope, _ = tangent(mean, spread)
    return tl.where(spread < 0.9, 0.0, 1.0 - tl.exp2(-shift) * slope * shift).to(tl.float64)


@triton.jit(do_not_specialize=SIZES)
def diagonal_kernel(
    state_ptr, bandwidth_ptr, largest_ptr, weights_ptr, scales_ptr, product_ptr,
    values_ptr, middle_ptr, spread_ptr, tiles, n, k, d, columns, per_chunk, rows_per_part, size,
    W: tl.constexpr, D: tl.constexpr, Q: tl.constexpr, CHUNKS: tl.constexpr,
    BLOCK_R: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Grid (batches, parts): parts of <r, U> - sum_i |r_i|^2 (K_ii - 2 <q_i, (KQ)_i>), M and S."""
    batch = tl.program_id(0).to(tl.int64)
    slot = batch * tl.num_programs(1) + tl.program_id(1)
    padded = tiles * BLOCK
    own = own_value(
        state_ptr + batch * size, tl.load(bandwidth_ptr + batch), largest_ptr + batch * tiles, tiles
    )
    weights_ptr += batch * CHUNKS * padded * W
    scales_ptr += batch * columns
    product_ptr += batch * n * columns
    middle = tl.zeros((Q, Q), tl.float64)
    spread = tl.zeros((Q, Q), tl.float64)
    value = tl.zeros((BLOCK_R,), tl.float64)
    start = tl.program_id(1) * rows_per_part
    stop = tl.minimum(start + rows_per_part, n)
    for begin in range(start, stop, BLOCK_R):
        rows = begin + tl.arange(0, BLOCK_R)
        inside = rows < stop
        r = prepared_values(weights_ptr, scales_ptr, rows, inside, 0, d, padded, per_chunk, W, D)
        u = stored_product(product_ptr, rows, inside, 0, d, columns, D)
        q = prepared_values(
            weights_ptr, scales_ptr, rows, inside, d, k + 1, padded, per_chunk, W, Q
        )
        kq = stored_product(product_ptr, rows, inside, d, k + 1, columns, Q)
        norm = tl.sum(r * r, 1)
        value += tl.sum(r * u, 1) - norm * (own - 2.0 * tl.sum(q * kq, 1))
        middle += tl.sum(q[:, :, None] * kq[:, None, :], 0)
        spread += tl.sum(norm[:, None, None] * q[:, :, None] * q[:, None, :], 0)
    tl.store(values_ptr + slot, tl.sum(value, 0))
    place = slot * Q * Q + tl.arange(0, Q)[:, None] * Q + tl.arange(0, Q)[None, :]
    tl.store(middle_ptr + place, middle)
    tl.store(spread_ptr + place, spread)


@triton.jit(do_not_specialize=[*SIZES, "width"], do_not_specialize_on_alignment=["actions_ptr"])
def without_diagonal_kernel(
    actions_ptr, state_ptr, bandwidth_ptr, largest_ptr, weights_ptr, scales_ptr, product_ptr,
    middle_ptr, result_ptr, cross_ptr, squares_ptr,
    tiles, n, k, d, columns, per_chunk, rows_per_part, size, width,
    HEIGHT: tl.constexpr, W: tl.constexpr, D: tl.constexpr, Q: tl.constexpr,
    CHUNKS: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Grid (batches, parts): U - D r and its moments with [1, A]."""
    batch = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    parts = tl.num_programs(1)
    padded = tiles * BLOCK
    state_ptr += batch * size
    own = own_value(state_ptr, tl.load(bandwidth_ptr + batch), largest_ptr + batch * tiles, tiles)
    weights_ptr += batch * CHUNKS * padded * W
    scales_ptr += batch * columns
    product_ptr += batch * n * columns
    place = tl.arange(0, Q)[:, None] * Q + tl.arange(0, Q)[None, :]
    middle = tl.load(middle_ptr + batch * Q * Q + place)
    feature = tl.arange(0, HEIGHT)
    real = (feature >= 1) & (feature <= k)
    centre = tl.load(state_ptr + 1 + k + feature, mask=real, other=0.0)
    total = tl.zeros((HEIGHT, D), tl.float64)
    squares = tl.zeros((D,), tl.float64)
    start = part * rows_per_part
    stop = tl.minimum(start + rows_per_part, n)
    for begin in range(start, stop, BLOCK_R):
        rows = begin + tl.arange(0, BLOCK_R)
        inside = rows < stop
        r = prepared_values(weights_ptr, scales_ptr, rows, inside, 0, d, padded, per_chunk, W, D)
        u = stored_product(product_ptr, rows, inside, 0, d, columns, D)
        q = prepared_values(
            weights_ptr, scales_ptr, rows, inside, d, k + 1, padded, per_chunk, W, Q
        )
        kq = stored_product(product_ptr, rows, inside, d, k + 1, columns, Q)
        mq = tl.sum(q[:, :, None] * middle[None, :, :], 1)
        diagonal = own - 2.0 * tl.sum(q * kq, 1) + tl.sum(mq * q, 1)
        result = (u - diagonal[:, None] * r).to(tl.float32)
        j = tl.arange(0, D)
        out = result_ptr + (batch * n + rows)[:, None] * d + j[None, :]
        tl.store(out, result, mask=inside[:, None] & (j < d)[None, :])
        result = result.to(tl.float64)
        a = shifted_rows(actions_ptr + batch * n * k, centre, rows, inside, k, HEIGHT)
        total += tl.sum(a[:, :, None] * result[None, :, :], axis=1)
        squares += tl.sum(result * result, 0)
    store_part(
        cross_ptr + batch * parts * HEIGHT * width, squares_ptr + batch * parts * width,
        part, 0, total, squares, width, HEIGHT, D,
    )  # fmt: skip


# A block holds two matrices of the basis' width in float64, and a tile of all columns.
MOST_ACTIONS, MOST_VALUES = 31, 64


def takes(k: int, d: int) -> bool:
    """Say whether a problem fits; wider ones take the torch operations of `mmr/op.py`."""
    return k <= MOST_ACTIONS and d <= MOST_VALUES


class Unbiased(NamedTuple):
    """A U-statistic and what its gradient is made from."""

    value: Tensor  # (B,) float64
    product: Tensor  # (B, n, d + k + 1) float32
    prepared: Prepared
    state: Tensor
    bandwidth: Tensor
    middle: Tensor  # (B, Q, Q) float64: M
    layout: Layout

    def gradient(self, actions: Tensor, upstream: Tensor) -> Tensor:
        """Gradient (B, n, d) float32 times the upstream gradient (B,)."""
        return _gradient(actions, self, upstream.contiguous())


@on_its_device
def unbiased_pass(
    representation: Tensor, actions: Tensor, bandwidth: Tensor, precision: str
) -> Unbiased:
    """The U-statistic of representation (B, n, d), actions (B, n, k), bandwidth (B,) float64."""
    check_float32(representation=representation, actions=actions)
    batches, n, d = representation.shape
    k = actions.shape[2]
    moments, state = moments_and_state(actions, representation, None, 0.0)
    layout = layout_of(n, k, d + k + 1)
    prepared = _prepare(actions, representation, state, bandwidth, moments, layout)
    precise = check_precision(precision, n)
    partial, splits = _pairs(prepared, state, bandwidth, layout, precise)
    product, _, _ = _combine(
        actions, state, bandwidth, prepared, partial, splits, layout, precise, None
    )
    q = power_of_two(k + 1, 2)
    parts, sizes, constants = _division(moments.shape, layout, n, k, d, state)
    values = scratch((batches, parts), actions, torch.float64)
    middles, spreads = (scratch((batches, parts, q, q), actions, torch.float64) for _ in range(2))
    launch(
        diagonal_kernel, (batches, parts),
        state, bandwidth, prepared.largest, prepared.weights, prepared.scales, product,
        values, middles, spreads, *sizes, **constants, num_warps=8, num_stages=1,
    )  # fmt: skip
    middle = middles.sum(1)
    # M is that of K Q as it was rounded, on the right; S is symmetric.
    rest = (middle * spreads.sum(1)).sum((1, 2))
    value = (values.sum(1) - rest) / (n * (n - 1))
    return Unbiased(value, product, prepared, state, bandwidth, middle, layout)


@on_its_device
def _gradient(actions: Tensor, found: Unbiased, upstream: Tensor) -> Tensor:
    batches, n, k = actions.shape
    d = found.layout.columns - k - 1
    shape = geometry(n, k, d)
    parts, sizes, constants = _division(shape, found.layout, n, k, d, found.state)
    result = scratch((batches, n, d), actions)
    cross = scratch((batches, parts, shape.height, shape.width), actions, torch.float64)
    squares = scratch((batches, parts, shape.width), actions, torch.float64)
    launch(
        without_diagonal_kernel, (batches, parts),
        actions, found.state, found.bandwidth, found.prepared.largest, found.prepared.weights,
        found.prepared.scales, found.product, found.middle, result, cross, squares,
        *sizes, shape.width, HEIGHT=shape.height, **constants, num_warps=8, num_stages=1,
    )  # fmt: skip
    moments = Moments(cross, squares, True, shape)
    factor = 2 / (n * (n - 1))
    return fit(actions, result, found.state, moments, None, upstream, factor)


def _division(
    shape: Geometry, layout: Layout, n: int, k: int, d: int, state: Tensor
) -> tuple[int, tuple[int, ...], dict[str, int]]:
    """Parts of the rows; the sizes and the constants that both kernels take."""
    sizes = (
        layout.tiles, n, k, d, layout.columns, layout.per_chunk, shape.rows_per_part,
        state.shape[1],
    )  # fmt: skip
    columns, basis = power_of_two(d, 2), power_of_two(k + 1, 2)
    block = max(2, min(32, 4096 // (basis * max(basis, columns))))
    constants = {
        "W": layout.terms, "D": columns, "Q": basis, "CHUNKS": layout.chunks,
        "BLOCK_R": block, "BLOCK": BLOCK,
    }  # fmt: skip
    return shape.parts, sizes, constants
