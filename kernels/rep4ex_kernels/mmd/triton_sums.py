"""Sums over the columns of a tile of rows, in the form that suits the tile.

For a row i and the columns j of one sample are summed, c the weights of `triton_radial.py`,

    V_i = sum_j (k_ij - g),    C_i = sum_j (c_ij - a),    G_i = sum_j (c_ij - a) z_j,

the last two as one product of the weights c - a with [z, 1]. The levels g and a are subtracted
before anything is rounded: for wide bandwidths k is near one everywhere and the statistic is far
smaller than k. For one Gaussian c is k and C_i is V_i, so the column of ones gives both.

Values and weights of Gaussians are multiplied by LIFT in half precision. Where bandwidths are so
narrow that most values are near nothing, a row of the direct form also has a shift of its own, the
least m to a point apart from it so far: its sums are rescaled when that changes. So the nearest
pairs of a row are always summed to the same relative precision, as far as float32 reaches.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels import _triton_pairs
from rep4ex_kernels._triton_pairs import direct_tile, row_operand, split_tile, weighted_sum
from rep4ex_kernels.mmd.triton_prepare import NO_NEIGHBOUR
from rep4ex_kernels.mmd.triton_radial import AS_THEY_ARE, radial, radial_series
from rep4ex_kernels.mmd.triton_state import (
    CHAIN,
    DISTANCE,
    GAIN,
    GAUSSIAN,
    GAUSSIAN_MIXTURE,
    LAPLACE,
    LEAST_SPREAD,
    LEVEL,
    LIFT,
    SERIES_UP_TO,
    SHIFT_CAP,
    WEIGHT_CAP,
    ZERO_PART,
)

SPLIT, DIRECT, SERIES = (
    tl.constexpr(form) for form in (_triton_pairs.SPLIT, _triton_pairs.DIRECT, _triton_pairs.SERIES)
)

# Squared distances at or below this have no direction where differences are taken.
COINCIDENT = tl.constexpr(1e-36)


@triton.jit
def form_of(
    own, largest, state_ptr, k,
    KIND: tl.constexpr, K: tl.constexpr, PRECISE: tl.constexpr,
):  # fmt: skip
    """The form for a tile of rows whose max |z|^2 is ``own``, that of all rows ``largest``."""
    form = DIRECT
    near = own >= 0.0
    if K > 0:
        limit = 32.0 if PRECISE else 256.0
        near = own <= tl.where(k <= 2, 16.0, limit)
        split = near & (tl.load(state_ptr + SHIFT_CAP) == 0.0)
        if KIND != GAUSSIAN:  # only one Gaussian has no value at all with a far point
            split = split & (largest <= NO_NEIGHBOUR)
        form = tl.where(split, SPLIT, DIRECT)
    if KIND != DISTANCE:
        small = largest.to(tl.float64) <= tl.load(state_ptr + SERIES_UP_TO)
        form = tl.where(small & near, SERIES, form)
    return form


@triton.jit
def store_flat_sums(
    planar_ptr, rates_ptr, state_ptr, out_ptr, sums_ptr, row, start, stop, last, n_padded,
    FORM: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, UNROLLED: tl.constexpr,
    W: tl.constexpr, PRECISE: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Sums of c (z_i - z_j) and of values, for a distance in one or two dimensions.

    There close pairs are many and c too large for a difference of sums. See `store_row_sums`.
    """
    rows = row + tl.arange(0, BLOCK_M)
    stop = tl.minimum(stop, (last + BLOCK_N - 1) // BLOCK_N * BLOCK_N)
    level = tl.load(state_ptr + LEVEL).to(tl.float32)
    own_x = tl.load(planar_ptr + rows)[:, None]
    values = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    first = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    if UNROLLED == 2:
        own_y = tl.load(planar_ptr + n_padded + rows)[:, None]
        second = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for col in range(start, stop, BLOCK_N):
        cols = col + tl.arange(0, BLOCK_N)
        x = own_x - tl.load(planar_ptr + cols)[None, :]
        m = x * x
        if UNROLLED == 2:
            y = own_y - tl.load(planar_ptr + n_padded + cols)[None, :]
            m += y * y
        if FORM == SERIES:
            value, weight = radial_series(m, rates_ptr, COINCIDENT, KIND, Q, PRECISE)
        else:
            value, weight = radial(
                m, rates_ptr, level, COINCIDENT, False, KIND, Q, PRECISE, AS_THEY_ARE
            )
        if col + BLOCK_N > last:
            real = (tl.arange(0, BLOCK_N) < last - col)[None, :]
            value = tl.where(real, value, 0.0)
            weight = tl.where(real, weight, 0.0)
        values += value
        first += weight * x
        if UNROLLED == 2:
            second += weight * y
    inverse = 1.0 / tl.load(state_ptr + GAIN).to(tl.float32)
    tl.store(out_ptr + rows * W, tl.sum(first, 1) * inverse)
    if UNROLLED == 2:
        tl.store(out_ptr + rows * W + 1, tl.sum(second, 1) * inverse)
    tl.store(sums_ptr + rows, tl.sum(values, 1))


@triton.jit
def tile_terms(
    operand, columns_ptr, planar_ptr, rates_ptr, row, col, n_padded, k, level, zero, chain,
    FORM: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, UNROLLED: tl.constexpr,
    K: tl.constexpr, PRECISE: tl.constexpr, WAY: tl.constexpr, MATRIX: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """m, value and weight of a tile; m of the direct form only, those of one Gaussian lifted."""
    if MATRIX:
        m = split_tile(operand, columns_ptr, col, K, BLOCK_N)
    else:
        m = direct_tile(planar_ptr, row, col, n_padded, k, UNROLLED, BLOCK_M, BLOCK_N)
    if KIND == GAUSSIAN and FORM == SPLIT:
        weight = tl.exp2(m) - level * LIFT
        value = weight
    elif FORM == SERIES:
        value, weight = radial_series(-m if MATRIX else m, rates_ptr, zero, KIND, Q, PRECISE)
    else:
        value, weight = radial(
            -m if MATRIX else m, rates_ptr, level, zero, chain, KIND, Q, PRECISE, WAY
        )
        if KIND == GAUSSIAN:
            weight = value * LIFT
    if KIND >= LAPLACE:
        weight = tl.minimum(weight, WEIGHT_CAP)  # 1 / |x - y| has no bound, float16 has one
    return m, value, weight


@triton.jit
def shifted(m, weight, total, shift, narrow, slowest):
    """Weights without those of coincident points, which have no direction, and shifted by row.

    Returns weights, rescaled totals and the shifts (BLOCK_M,), in units of m.
    """
    apart = m > COINCIDENT
    if narrow:
        nearest = tl.min(tl.where(apart, m, float("inf")), 1)
        nearer = tl.minimum(shift, nearest)
        total *= tl.exp2((nearer - shift) * slowest)[:, None]
        shift = nearer
        weight = weight * tl.exp2(shift * slowest)[:, None]
    return tl.where(apart, weight, 0.0), total, shift


@triton.jit
def store_row_sums(  # noqa: PLR0912, PLR0915 - one loop is one function
    columns_ptr, planar_ptr, norms_ptr, weights_ptr, rates_ptr, state_ptr, out_ptr, sums_ptr,
    own, row, start, stop, last, n_padded, k, ones, keeps,
    FORM: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, UNROLLED: tl.constexpr,
    K: tl.constexpr, W: tl.constexpr, PRECISE: tl.constexpr, WAY: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Sums of BLOCK_M rows over the columns from start to stop, of which those from last on are
    padding: out (n_padded, W) of the weights, sums (n_padded,) of the values if it keeps them.

    ``ones`` is the column of ones in this chunk of the weights.
    """
    MATRIX: tl.constexpr = K > 0 and FORM != DIRECT
    # The value is the weight: no sum of its own.
    ONES: tl.constexpr = KIND == GAUSSIAN and FORM == SPLIT
    # One Gaussian is bound by its exponential, so the second term costs nothing in fast mode too.
    TERMS: tl.constexpr = PRECISE or KIND == GAUSSIAN
    SHIFTED: tl.constexpr = KIND <= GAUSSIAN_MIXTURE and FORM == DIRECT
    stop = tl.minimum(stop, (last + BLOCK_N - 1) // BLOCK_N * BLOCK_N)
    level = tl.load(state_ptr + LEVEL).to(tl.float32)
    chain = tl.load(state_ptr + CHAIN) > 0.0
    shift = tl.zeros((BLOCK_M,), tl.float32) + tl.load(state_ptr + SHIFT_CAP).to(tl.float32)
    narrow = tl.load(state_ptr + SHIFT_CAP) > 0.0
    slowest = 1.0
    if KIND == GAUSSIAN_MIXTURE:
        slowest = tl.load(rates_ptr)
    if SHIFTED:
        level = tl.where(narrow, 0.0, level)
    total = tl.zeros((BLOCK_M, W), tl.float32)
    # A reduction across threads in every tile costs registers only where distances are direct.
    if MATRIX:
        zero = tl.maximum(own, LEAST_SPREAD) * ZERO_PART
        lift: tl.constexpr = 15.0 if KIND == GAUSSIAN and FORM == SPLIT else 0.0
        operand = row_operand(columns_ptr, norms_ptr, row, k, lift, K, BLOCK_M)
        values = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    else:
        zero = COINCIDENT
        operand = row
        values = tl.zeros((BLOCK_M,), tl.float32)
    for col in range(start, stop, BLOCK_N):
        m, value, weight = tile_terms(
            operand, columns_ptr, planar_ptr, rates_ptr, row, col, n_padded, k, level, zero, chain,
            FORM, KIND, Q, UNROLLED, K, PRECISE, WAY, MATRIX, BLOCK_M, BLOCK_N,
        )  # fmt: skip
        if not ONES:
            if col + BLOCK_N > last:
                real = tl.arange(0, BLOCK_N) < last - col
                value = tl.where(real[None, :], value, 0.0)
            if MATRIX:
                values += value
            else:
                values += tl.sum(value, 1)
        if SHIFTED:
            weight, total, shift = shifted(m, weight, total, shift, narrow, slowest)
        place = (col + tl.arange(0, BLOCK_N))[:, None] * W + tl.arange(0, W)[None, :]
        # The tensor cores' accumulator truncates, so it holds one tile only.
        part = tl.zeros((BLOCK_M, W), tl.float32)
        total += weighted_sum(weight, tl.load(weights_ptr + place), part, TERMS)
    if SHIFTED:
        total *= tl.exp2(-shift * slowest)[:, None]
    total *= 1.0 / tl.load(state_ptr + GAIN).to(tl.float32)
    rows = row + tl.arange(0, BLOCK_M)
    tl.store(out_ptr + rows[:, None] * W + tl.arange(0, W)[None, :], total)
    if keeps:
        if ONES:
            row_values = tl.sum(tl.where(tl.arange(0, W)[None, :] == ones, total, 0.0), 1)
        elif MATRIX:
            row_values = tl.sum(values, 1)
        else:
            row_values = values
        tl.store(sums_ptr + rows, row_values)
