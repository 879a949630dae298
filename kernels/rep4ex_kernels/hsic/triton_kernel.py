"""The kernels of `triton_impl.py`: row sums and weighted sums over all pairs of two kernels."""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_helpers import (
    direct_squares,
    exponential_remainder,
    split_squares,
    weighted_sum,
)

# The weights of wide and of narrow bandwidths are small, and half precision ends at 2^-25. They are
# below two, and half precision ends at 2^16 at the other side.
LIFT = tl.constexpr(16384.0)


@triton.jit
def kernel_value(m, SERIES: tl.constexpr):
    """2^-m, less one where it is a series; zero for the columns of padding."""
    if SERIES:
        near = tl.where(m < 8.0, m, 0.0)
        return exponential_remainder(near) - near * 0.6931471805599453
    else:
        return tl.exp2(m * -1.0)


@triton.jit
def row_sums_kernel(
    x_ptr, x_low_ptr, x_norms_ptr, y_ptr, y_low_ptr, y_norms_ptr, levels_ptr,
    sums_ptr, route_ptr, n_padded, p, q, batches, columns_per_split,
    DIRECT: tl.constexpr, K: tl.constexpr,
    SERIES_X: tl.constexpr, SERIES_Y: tl.constexpr, ROUTE: tl.constexpr, CHUNK: tl.constexpr,
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
            x_part += tl.sum(kernel_value(mx, SERIES_X) - x_level[None, :], 1)
            y_part += tl.sum(kernel_value(my, SERIES_Y) - y_level[None, :], 1)
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
    SERIES_X: tl.constexpr, SERIES_Y: tl.constexpr, ROUTE: tl.constexpr, CHUNK: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Partial sums of LIFT K Lc [x, 1] and LIFT L Kc [y, 1], and row sums of LIFT (K - level) Lc.

    Kc = K - shift_i - shift_j with shifts (batch, (K, L), n_padded). The diagonal is left out.
    Grid (batches * n_padded / BLOCK_M, splits, chunks of weight columns).
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
            kx, ky = kernel_value(mx, SERIES_X), kernel_value(my, SERIES_Y)
            cols = col + tl.arange(0, BLOCK_N)
            # Less its level K multiplies away the rounding of the shifts of L.
            kx_lowered = kx - tl.load(levels_ptr + cols)[None, :]
            kx_centred = (kx - x_shift[:, None]) - tl.load(shifts_ptr + cols)[None, :]
            ky_centred = (ky - y_shift[:, None]) - tl.load(shifts_ptr + n_padded + cols)[None, :]
            apart = (row + rows)[:, None] != cols[None, :]
            kx_centred = tl.where(apart, kx_centred, 0.0) * LIFT
            ky_centred = tl.where(apart, ky_centred, 0.0) * LIFT
            if SERIES_X:
                kx += 1.0
            if SERIES_Y:
                ky += 1.0
            columns = cols[:, None] * W + wide[None, :]
            x_weight = kx * ky_centred
            y_weight = ky * kx_centred
            x_part = weighted_sum(x_weight, tl.load(x_weights_ptr + columns), x_part, PRECISE)
            y_part = weighted_sum(y_weight, tl.load(y_weights_ptr + columns), y_part, PRECISE)
            value_part += tl.sum(kx_lowered * ky_centred, 1)
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
