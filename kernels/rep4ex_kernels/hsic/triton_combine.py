"""After the pairs: sums over the splits, in fixed order and in float64.

    d HSIC / d x_i = -4 ln(2) f scale (z_i S_i - V_i)

with S and V the sums of K Lc and of K Lc z. The kernel saw points rounded to 22 bits, so the value
is corrected to first order by <gradient, points - points seen>; the biased statistic gets its
diagonal.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels.hsic.triton_forms import sample_form
from rep4ex_kernels.hsic.triton_prepare import COLUMNS, SCALE, UNSCALED, USER_TENSORS


@triton.jit
def summed_splits(partial_ptr, place, mask, splits, stride):
    """Sum over splits of what is at ``place``, float64; stride is that of a split, 64-bit."""
    total = tl.zeros(place.shape, tl.float64)
    at = partial_ptr + place
    for _ in range(splits):
        total += tl.load(at, mask=mask, other=0.0).to(tl.float64)
        at += stride
    return total


@triton.jit
def store_gradient(
    points_ptr, state_ptr, columns_ptr, weights_ptr, partial_ptr, gradient_ptr,
    is_split, factor, row, splits, stride, padded, n, d,
    K: tl.constexpr, W: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Gradient of one sample in ROWS rows; returns its product with what rounding did to points."""
    D: tl.constexpr = W // 2
    rows = row + tl.arange(0, ROWS)
    inside = rows < n
    within = tl.arange(0, D)
    scale = tl.load(state_ptr + SCALE)
    unscaled = tl.load(state_ptr + UNSCALED)
    wide = padded.to(tl.int64) * W
    factor = -2.772588722239781 * factor * scale  # 4 ln(2)
    ones = d // D * wide + rows.to(tl.int64) * W + d % D
    sums = summed_splits(partial_ptr, ones, inside, splits, stride)
    sums += summed_splits(partial_ptr, ones + D, inside, splits, stride)
    rounding = tl.zeros((), tl.float64)
    for column in range(0, d, D):
        columns = column + within
        real = columns < d
        mask = inside[:, None] & real[None, :]
        place = column // D * wide
        place += rows.to(tl.int64)[:, None] * W + within[None, :]
        inverse = tl.load(state_ptr + COLUMNS + d + columns, mask=real, other=1.0)
        pull = summed_splits(partial_ptr, place, mask, splits, stride)
        pull += summed_splits(partial_ptr, place + D, mask, splits, stride)
        # The points as the weights hold them: what coincides cancels.
        own = tl.load(weights_ptr + place, mask=mask, other=0.0).to(tl.float64)
        own += tl.load(weights_ptr + place + D, mask=mask, other=0.0).to(tl.float64)
        gradient = (own * sums[:, None] - pull) * inverse[None, :] * factor
        at = rows.to(tl.int64)[:, None] * d + columns[None, :]
        tl.store(gradient_ptr + at, gradient.to(tl.float32), mask=mask)
        if K > 0:  # noqa: SIM102 - known when compiled
            if is_split:
                raw = tl.load(points_ptr + at, mask=mask, other=0.0).to(tl.float64)
                centre = tl.load(state_ptr + COLUMNS + columns, mask=real, other=0.0)
                seen_ptr = columns_ptr + rows[:, None] * K + columns[None, :]
                seen = tl.load(seen_ptr, mask=mask, other=0.0).to(tl.float64)
                seen += tl.load(seen_ptr + 2 * d, mask=mask, other=0.0).to(tl.float64)
                lost = (raw - centre[None, :]) - seen * unscaled
                rounding += tl.sum(tl.sum(tl.where(mask, gradient * lost, 0.0), 1), 0)
    return rounding


@triton.jit
def combine_rows(
    x_ptr, x_state_ptr, x_columns_ptr, x_largest_ptr, x_weights_ptr, x_partial_ptr, x_gradient_ptr,
    y_ptr, y_state_ptr, y_columns_ptr, y_largest_ptr, y_weights_ptr, y_partial_ptr, y_gradient_ptr,
    shifts_ptr, values_ptr, row, splits, x_stride, y_stride, tiles, row_tiles, n, p, q,
    UNBIASED: tl.constexpr, PRECISE: tl.constexpr, KX: tl.constexpr, KY: tl.constexpr,
    WX: tl.constexpr, WY: tl.constexpr, BLOCK: tl.constexpr, BLOCK_M: tl.constexpr,
):  # fmt: skip
    """Gradients of BLOCK_M rows; returns their part of the value."""
    padded = tiles * BLOCK
    count = n.to(tl.float64)
    factor = 1.0 / (count * count)
    if UNBIASED:
        factor = 1.0 / (count * (count - 3.0))
    x_wide, x_near, _ = sample_form(x_state_ptr, x_largest_ptr, row, tiles, p, PRECISE, BLOCK)
    y_wide, y_near, _ = sample_form(y_state_ptr, y_largest_ptr, row, tiles, q, PRECISE, BLOCK)
    is_split = x_near & y_near
    total = tl.zeros((), tl.float64)
    for split in range(splits):
        total += tl.load(values_ptr + split * row_tiles + row // BLOCK_M)
    if not UNBIASED:
        rows = row + tl.arange(0, BLOCK_M)
        inside = rows < n
        x_shift = tl.load(shifts_ptr + rows, mask=inside, other=0.0).to(tl.float64)
        y_shift = tl.load(shifts_ptr + padded + rows, mask=inside, other=0.0).to(tl.float64)
        own = tl.where(x_wide, 0.0, 1.0) - 2.0 * x_shift
        own *= tl.where(y_wide, 0.0, 1.0) - 2.0 * y_shift
        total += tl.sum(tl.where(inside, own, 0.0), 0)
    total *= factor
    factor += 0.0 * total  # what is no number in one column shows in all
    total += store_gradient(
        x_ptr, x_state_ptr, x_columns_ptr, x_weights_ptr, x_partial_ptr, x_gradient_ptr,
        is_split, factor, row, splits, x_stride, padded, n, p,
        KX if KY > 0 else 0, WX, BLOCK_M,
    )  # fmt: skip
    total += store_gradient(
        y_ptr, y_state_ptr, y_columns_ptr, y_weights_ptr, y_partial_ptr, y_gradient_ptr,
        is_split, factor, row, splits, y_stride, padded, n, q,
        KY if KX > 0 else 0, WY, BLOCK_M,
    )  # fmt: skip
    return total


@triton.jit(
    do_not_specialize=[
        "tiles", "row_tiles", "tiles_per_program", "batches", "chunks", "splits", "n", "p", "q",
    ],
    do_not_specialize_on_alignment=USER_TENSORS,
)  # fmt: skip
def combine_kernel(
    x_ptr, x_state_ptr, x_columns_ptr, x_largest_ptr, x_weights_ptr, x_partial_ptr, x_gradient_ptr,
    y_ptr, y_state_ptr, y_columns_ptr, y_largest_ptr, y_weights_ptr, y_partial_ptr, y_gradient_ptr,
    shifts_ptr, values_ptr, out_ptr,
    tiles, row_tiles, tiles_per_program, batches, chunks, splits, n, p, q,
    UNBIASED: tl.constexpr, PRECISE: tl.constexpr, KX: tl.constexpr, KY: tl.constexpr,
    WX: tl.constexpr, WY: tl.constexpr, BLOCK: tl.constexpr, BLOCK_M: tl.constexpr,
):  # fmt: skip
    """Gradients, and out[batch, program]: parts of the value. Grid (batches, programs)."""
    batch = tl.program_id(0).to(tl.int64)
    padded = tiles * BLOCK
    rows = batches.to(tl.int64) * chunks * padded
    total = tl.zeros((), tl.float64)
    first = tl.program_id(1) * tiles_per_program
    for tile in range(first, tl.minimum(first + tiles_per_program, row_tiles)):
        total += combine_rows(
            x_ptr + batch * n * p, x_state_ptr + batch * (COLUMNS + 2 * p),
            x_columns_ptr + batch * padded * KX, x_largest_ptr + batch * tiles,
            x_weights_ptr + batch * chunks * padded * WX,
            x_partial_ptr + batch * chunks * padded * WX, x_gradient_ptr + batch * n * p,
            y_ptr + batch * n * q, y_state_ptr + batch * (COLUMNS + 2 * q),
            y_columns_ptr + batch * padded * KY, y_largest_ptr + batch * tiles,
            y_weights_ptr + batch * chunks * padded * WY,
            y_partial_ptr + batch * chunks * padded * WY, y_gradient_ptr + batch * n * q,
            shifts_ptr + 2 * batch * padded, values_ptr + batch * splits * row_tiles,
            tile * BLOCK_M, splits, rows * WX, rows * WY, tiles, row_tiles, n, p, q,
            UNBIASED, PRECISE, KX, KY, WX, WY, BLOCK, BLOCK_M,
        )  # fmt: skip
    tl.store(out_ptr + batch * tl.num_programs(1) + tl.program_id(1), total)
