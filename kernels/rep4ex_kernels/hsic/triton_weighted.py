"""The second pass over all pairs: shifts that centre the kernels, then weighted sums.

With the row sums l of L over j != i,

    Lc_ij = L_ij - b_i - b_j,   HSIC = f sum_ij Kc_ij Lc_ij,   d HSIC / d K_ij = f Lc_ij,

and the same with K and L exchanged; the biased statistic includes the diagonal, the unbiased one
does not (Gretton et al. 2005, eq. 9; Song et al. 2012, eq. 5). A weight K Lc is lifted by a power
of two to fill half precision; the lift of Lc is that of its largest possible value. HSIC as a
function of the shifts is stationary where they are right, so their rounding does not count.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_pairs import power_of_two_below, weighted_sum
from rep4ex_kernels.hsic.triton_forms import (
    DIRECT,
    FEW_ROWS,
    SERIES,
    SPLIT,
    counted,
    exponents,
    kernel_value,
    level_of,
    operand_of,
    sample_form,
    uncounted,
)
from rep4ex_kernels.hsic.triton_prepare import COLUMNS

# Rows of one program of the shifts.
SHIFT_ROWS = 128


@triton.jit
def sum_of(values_ptr, count, WIDTH: tl.constexpr):
    """Sum of float64 numbers, always in the same order."""
    place = tl.arange(0, WIDTH)
    total = tl.zeros((WIDTH,), tl.float64)
    for begin in range(0, count, WIDTH):
        total += tl.load(values_ptr + begin + place, mask=begin + place < count, other=0.0)
    return tl.sum(total, 0)


@triton.jit
def store_shifts(
    sums_ptr, totals_ptr, shifts_ptr, wide, level, row, splits, row_tiles, n, padded,
    UNBIASED: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Shifts of one sample for ROWS rows; zero for padding."""
    rows = row + tl.arange(0, ROWS)
    inside = rows < n
    sums = tl.zeros((ROWS,), tl.float64)
    at = sums_ptr + rows
    for _ in range(splits):
        sums += tl.load(at, mask=inside, other=0.0).to(tl.float64)
        at += padded
    total = sum_of(totals_ptr, splits * row_tiles, 256)
    count = n.to(tl.float64)
    lowered = level.to(tl.float64)
    if UNBIASED:
        shifts = sums / (count - 2.0) - total / (2.0 * (count - 1.0) * (count - 2.0))
    else:
        own = tl.where(wide, 0.0, 1.0).to(tl.float64) - lowered
        shifts = (sums + own) / count - (total + count * own) / (2.0 * count * count)
    shifts += lowered * 0.5
    tl.store(shifts_ptr + rows, tl.where(inside, shifts, 0.0).to(tl.float32))


@triton.jit(do_not_specialize=["tiles", "row_tiles", "splits", "n", "p", "q"])
def shifts_kernel(
    x_state_ptr, x_largest_ptr, y_state_ptr, y_largest_ptr, sums_ptr, totals_ptr, shifts_ptr,
    tiles, row_tiles, splits, n, p, q,
    UNBIASED: tl.constexpr, PRECISE: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """shifts[batch, sample, n_padded]. Grid (batches, n_padded / ROWS, samples)."""
    batch = tl.program_id(0).to(tl.int64)
    row = tl.program_id(1) * ROWS
    padded = tiles * BLOCK
    slot = 2 * batch + tl.program_id(2)
    if tl.program_id(2) == 0:
        state_ptr = x_state_ptr + batch * (COLUMNS + 2 * p)
        largest_ptr = x_largest_ptr + batch * tiles
    else:
        state_ptr = y_state_ptr + batch * (COLUMNS + 2 * q)
        largest_ptr = y_largest_ptr + batch * tiles
    wide, _, _ = sample_form(state_ptr, largest_ptr, row, tiles, p, PRECISE, BLOCK)
    store_shifts(
        sums_ptr + slot * splits * padded, totals_ptr + slot * splits * row_tiles,
        shifts_ptr + slot * padded, wide, level_of(state_ptr, wide), row, splits, row_tiles, n,
        padded, UNBIASED, ROWS,
    )  # fmt: skip


@triton.jit
def lift_of(spread, wide):
    """The power of two (float32) that brings a centred kernel value below 2^15.

    Centred it is below twice the range of the kernel's values, which is one or, for a series,
    4 ln(2) max |z|^2.
    """
    largest = tl.where(wide, tl.maximum(5.6 * spread, 2.0**-80), 1.99)
    return 16384.0 / power_of_two_below(tl.minimum(largest, 1.99))


@triton.jit
def rescaled(weight, scale, total):
    """Scale the rows of a tile of weights into half precision, and their sums so far alike.

    Every row has a power of two of its own, that of its largest weight so far.
    """
    largest = tl.max(tl.abs(weight), 1)
    lower = tl.minimum(scale, 16384.0 / power_of_two_below(largest))
    return weight * lower[:, None], lower, total * (lower / scale)[:, None]


@triton.jit
def centred_tile(
    x_operand, y_operand, x_columns_ptr, y_columns_ptr, x_planar_ptr, y_planar_ptr,
    x_shift, y_shift, shifts_ptr, x_wide, y_wide, x_lift, y_lift, row, col, n, padded, p, q,
    FORM: tl.constexpr, UX: tl.constexpr, UY: tl.constexpr, KX: tl.constexpr, KY: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """K, L, and lifted Kc, Lc; are pairs apart in x, in y.

    Without the diagonal and padding, but for the split form, see `product_loop`.
    """
    cols = col + tl.arange(0, BLOCK_N)
    mx = exponents(
        x_operand, x_columns_ptr, x_planar_ptr, row, col, padded, p, FORM, UX, KX, BLOCK_M, BLOCK_N
    )
    my = exponents(
        y_operand, y_columns_ptr, y_planar_ptr, row, col, padded, q, FORM, UY, KY, BLOCK_M, BLOCK_N
    )
    kx = kernel_value(mx, x_wide, FORM)
    ky = kernel_value(my, y_wide, FORM)
    x_centred = (kx * x_lift - x_shift[:, None]) - (tl.load(shifts_ptr + cols) * x_lift)[None, :]
    y_centred = (ky * y_lift - y_shift[:, None]) - (tl.load(shifts_ptr + padded + cols) * y_lift)[
        None, :
    ]
    if FORM != SPLIT:
        real = counted(row, col, n, BLOCK_M, BLOCK_N)
        x_centred = tl.where(real, x_centred, 0.0)
        y_centred = tl.where(real, y_centred, 0.0)
    if FORM != SPLIT:
        kx += tl.where(x_wide, 1.0, 0.0)
        ky += tl.where(y_wide, 1.0, 0.0)
    return kx, ky, x_centred, y_centred, mx < 0.0, my < 0.0


@triton.jit
def product_loop(
    x_operand, y_operand, x_columns_ptr, y_columns_ptr, x_planar_ptr, y_planar_ptr,
    x_weights_ptr, y_weights_ptr, x_shift, y_shift, shifts_ptr, x_wide, y_wide, x_lift, y_lift,
    row, start, stop, n, padded, p, q,
    FORM: tl.constexpr, UX: tl.constexpr, UY: tl.constexpr, KX: tl.constexpr, KY: tl.constexpr,
    WX: tl.constexpr, WY: tl.constexpr, PRECISE: tl.constexpr, CHUNK: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Lifted sums over columns of K Lc [x, 1], of L Kc [y, 1] and of Kc Lc, by products."""
    x_total = tl.zeros((BLOCK_M, WX), tl.float32)
    y_total = tl.zeros((BLOCK_M, WY), tl.float32)
    value = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for begin in range(start, stop, CHUNK):
        x_part = tl.zeros((BLOCK_M, WX), tl.float32)
        y_part = tl.zeros((BLOCK_M, WY), tl.float32)
        for col in range(begin, tl.minimum(begin + CHUNK, stop), BLOCK_N):
            kx, ky, x_centred, y_centred, _, _ = centred_tile(
                x_operand, y_operand, x_columns_ptr, y_columns_ptr, x_planar_ptr, y_planar_ptr,
                x_shift, y_shift, shifts_ptr, x_wide, y_wide, x_lift, y_lift, row, col, n, padded,
                p, q, FORM, UX, UY, KX, KY, BLOCK_M, BLOCK_N,
            )  # fmt: skip
            value += x_centred * y_centred
            cols = (col + tl.arange(0, BLOCK_N))[:, None]
            x_place = x_weights_ptr + cols * WX + tl.arange(0, WX)[None, :]
            x_part = weighted_sum(kx * y_centred, tl.load(x_place), x_part, PRECISE)
            y_place = y_weights_ptr + cols * WY + tl.arange(0, WY)[None, :]
            y_part = weighted_sum(ky * x_centred, tl.load(y_place), y_part, PRECISE)
        x_total += x_part
        y_total += y_part
    values = tl.sum(value, 1)
    if FORM == SPLIT:
        on_diagonal, empty = uncounted(row, start, stop, n, BLOCK_M, BLOCK_N)
        own = (x_lift - 2.0 * x_shift) * (y_lift - 2.0 * y_shift)
        values -= empty * (x_shift * y_shift) + tl.where(on_diagonal, own, 0.0)
    return x_total, y_total, values


@triton.jit
def direct_loop(
    x_planar_ptr, y_planar_ptr, x_weights_ptr, y_weights_ptr, x_shift, y_shift, shifts_ptr,
    x_wide, y_wide, x_lift, y_lift, row, start, stop, n, padded, p, q,
    UX: tl.constexpr, UY: tl.constexpr, WX: tl.constexpr, WY: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """The same by differences, whatever the size of the weights.

    A row's weights are scaled by their largest. That of a pair that coincides is left out: it pulls
    nowhere, and for narrow bandwidths it would be the largest.
    """
    nothing = tl.zeros((BLOCK_M,), tl.float16)
    x_total = tl.zeros((BLOCK_M, WX), tl.float32)
    y_total = tl.zeros((BLOCK_M, WY), tl.float32)
    x_scale = tl.zeros((BLOCK_M,), tl.float32) + 2.0**100
    y_scale = tl.zeros((BLOCK_M,), tl.float32) + 2.0**100
    value = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for col in range(start, stop, BLOCK_N):
        kx, ky, x_centred, y_centred, x_apart, y_apart = centred_tile(
            nothing, nothing, x_planar_ptr, y_planar_ptr, x_planar_ptr, y_planar_ptr,
            x_shift, y_shift, shifts_ptr, x_wide, y_wide, x_lift, y_lift, row, col, n, padded,
            p, q, DIRECT, UX, UY, 0, 0, BLOCK_M, BLOCK_N,
        )  # fmt: skip
        value += x_centred * y_centred
        cols = (col + tl.arange(0, BLOCK_N))[:, None]
        weight, x_scale, x_total = rescaled(
            tl.where(x_apart, kx * y_centred, 0.0), x_scale, x_total
        )
        x_place = x_weights_ptr + cols * WX + tl.arange(0, WX)[None, :]
        x_total += weighted_sum(weight, tl.load(x_place), tl.zeros((BLOCK_M, WX), tl.float32), True)
        weight, y_scale, y_total = rescaled(
            tl.where(y_apart, ky * x_centred, 0.0), y_scale, y_total
        )
        y_place = y_weights_ptr + cols * WY + tl.arange(0, WY)[None, :]
        y_total += weighted_sum(weight, tl.load(y_place), tl.zeros((BLOCK_M, WY), tl.float32), True)
    x_total = x_total * (1.0 / x_scale)[:, None]
    y_total = y_total * (1.0 / y_scale)[:, None]
    return x_total, y_total, tl.sum(value, 1)


@triton.jit
def weighted_tile(
    x_state_ptr, x_columns_ptr, x_planar_ptr, x_norms_ptr, x_largest_ptr, x_weights_ptr,
    y_state_ptr, y_columns_ptr, y_planar_ptr, y_norms_ptr, y_largest_ptr, y_weights_ptr,
    shifts_ptr, x_partial_ptr, y_partial_ptr, value_ptr, is_first, row, start, stop, n, tiles, p, q,
    FORMS: tl.constexpr, UX: tl.constexpr, UY: tl.constexpr, KX: tl.constexpr, KY: tl.constexpr,
    WX: tl.constexpr, WY: tl.constexpr, PRECISE: tl.constexpr, CHUNK: tl.constexpr,
    BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Sums of one tile of rows over some columns, in the form that its points allow.

    Every chunk of weights has the same value: the first one stores it.
    """
    padded = tiles * BLOCK
    rows = row + tl.arange(0, BLOCK_M)
    x_wide, x_near, spread = sample_form(x_state_ptr, x_largest_ptr, row, tiles, p, PRECISE, BLOCK)
    x_lift = lift_of(spread, x_wide)
    y_wide, y_near, spread = sample_form(y_state_ptr, y_largest_ptr, row, tiles, q, PRECISE, BLOCK)
    y_lift = lift_of(spread, y_wide)
    x_shift = tl.load(shifts_ptr + rows) * x_lift
    y_shift = tl.load(shifts_ptr + padded + rows) * y_lift
    x_operand = operand_of(x_columns_ptr, x_norms_ptr, row, p, KX, BLOCK_M)
    y_operand = operand_of(y_columns_ptr, y_norms_ptr, row, q, KY, BLOCK_M)
    x_total = tl.zeros((BLOCK_M, WX), tl.float32)
    y_total = tl.zeros((BLOCK_M, WY), tl.float32)
    value = tl.zeros((BLOCK_M,), tl.float32)
    if KX == 0 or KY == 0 or FORMS == DIRECT:
        x_total, y_total, value = direct_loop(
            x_planar_ptr, y_planar_ptr, x_weights_ptr, y_weights_ptr, x_shift, y_shift, shifts_ptr,
            x_wide, y_wide, x_lift, y_lift, row, start, stop, n, padded, p, q,
            UX, UY, WX, WY, BLOCK_M, BLOCK_N // 2,
        )  # fmt: skip
    elif FORMS == SPLIT or FORMS == SERIES:  # noqa: PLR1714, SIM109 - Triton has no `in`
        x_total, y_total, value = product_loop(
            x_operand, y_operand, x_columns_ptr, y_columns_ptr, x_planar_ptr, y_planar_ptr,
            x_weights_ptr, y_weights_ptr, x_shift, y_shift, shifts_ptr, x_wide, y_wide,
            x_lift, y_lift, row, start, stop, n, padded, p, q,
            FORMS, UX, UY, KX, KY, WX, WY, PRECISE, CHUNK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    elif not (x_near & y_near):
        x_total, y_total, value = direct_loop(
            x_planar_ptr, y_planar_ptr, x_weights_ptr, y_weights_ptr, x_shift, y_shift, shifts_ptr,
            x_wide, y_wide, x_lift, y_lift, row, start, stop, n, padded, p, q,
            UX, UY, WX, WY, BLOCK_M, BLOCK_N // 2,
        )  # fmt: skip
    elif FORMS == FEW_ROWS:  # noqa: SIM114 - known when compiled
        x_total, y_total, value = product_loop(
            x_operand, y_operand, x_columns_ptr, y_columns_ptr, x_planar_ptr, y_planar_ptr,
            x_weights_ptr, y_weights_ptr, x_shift, y_shift, shifts_ptr, x_wide, y_wide,
            x_lift, y_lift, row, start, stop, n, padded, p, q,
            SERIES, UX, UY, KX, KY, WX, WY, PRECISE, CHUNK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    elif x_wide | y_wide:
        x_total, y_total, value = product_loop(
            x_operand, y_operand, x_columns_ptr, y_columns_ptr, x_planar_ptr, y_planar_ptr,
            x_weights_ptr, y_weights_ptr, x_shift, y_shift, shifts_ptr, x_wide, y_wide,
            x_lift, y_lift, row, start, stop, n, padded, p, q,
            SERIES, UX, UY, KX, KY, WX, WY, PRECISE, CHUNK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    else:
        x_total, y_total, value = product_loop(
            x_operand, y_operand, x_columns_ptr, y_columns_ptr, x_planar_ptr, y_planar_ptr,
            x_weights_ptr, y_weights_ptr, x_shift, y_shift, shifts_ptr, x_wide, y_wide,
            x_lift, y_lift, row, start, stop, n, padded, p, q,
            SPLIT, UX, UY, KX, KY, WX, WY, PRECISE, CHUNK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    x_place = rows[:, None] * WX + tl.arange(0, WX)[None, :]
    y_place = rows[:, None] * WY + tl.arange(0, WY)[None, :]
    tl.store(x_partial_ptr + x_place, x_total * (1.0 / y_lift))
    tl.store(y_partial_ptr + y_place, y_total * (1.0 / x_lift))
    if is_first:
        wide = tl.where(rows < n, value, 0.0).to(tl.float64)
        tl.store(value_ptr, tl.sum(wide, 0) / x_lift.to(tl.float64) / y_lift.to(tl.float64))


@triton.jit(
    do_not_specialize=["tiles", "row_tiles", "columns_per_split", "batches", "n", "p", "q"],
)
def weighted_kernel(
    x_state_ptr, x_columns_ptr, x_planar_ptr, x_norms_ptr, x_largest_ptr, x_weights_ptr,
    y_state_ptr, y_columns_ptr, y_planar_ptr, y_norms_ptr, y_largest_ptr, y_weights_ptr,
    shifts_ptr, x_partial_ptr, y_partial_ptr, values_ptr,
    tiles, row_tiles, columns_per_split, batches, n, p, q,
    FORMS: tl.constexpr, UX: tl.constexpr, UY: tl.constexpr, KX: tl.constexpr, KY: tl.constexpr,
    WX: tl.constexpr, WY: tl.constexpr, PRECISE: tl.constexpr, CHUNK: tl.constexpr,
    BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """partial[split, batch, chunk, n_padded, W] of both samples; values[batch, split, row tile].

    Grid (batches * row_tiles, splits, chunks of the weights).
    """
    batch = (tl.program_id(0) // row_tiles).to(tl.int64)
    tile = tl.program_id(0) % row_tiles
    split = tl.program_id(1)
    padded = tiles * BLOCK
    start = split * columns_per_split * BLOCK_N
    stop = tl.minimum(start + columns_per_split * BLOCK_N, n)
    chunk = batch * tl.num_programs(2) + tl.program_id(2)
    slot = split.to(tl.int64) * batches * tl.num_programs(2) + chunk
    weighted_tile(
        x_state_ptr + batch * (COLUMNS + 2 * p), x_columns_ptr + batch * padded * KX,
        x_planar_ptr + batch * padded * p, x_norms_ptr + batch * padded,
        x_largest_ptr + batch * tiles, x_weights_ptr + chunk * padded * WX,
        y_state_ptr + batch * (COLUMNS + 2 * q), y_columns_ptr + batch * padded * KY,
        y_planar_ptr + batch * padded * q, y_norms_ptr + batch * padded,
        y_largest_ptr + batch * tiles, y_weights_ptr + chunk * padded * WY,
        shifts_ptr + 2 * batch * padded, x_partial_ptr + slot * padded * WX,
        y_partial_ptr + slot * padded * WY,
        values_ptr + (batch * tl.num_programs(1) + split) * row_tiles + tile,
        tl.program_id(2) == 0, tile * BLOCK_M, start, stop, n, tiles, p, q,
        FORMS, UX, UY, KX, KY, WX, WY, PRECISE, CHUNK, BLOCK, BLOCK_M, BLOCK_N,
    )  # fmt: skip
