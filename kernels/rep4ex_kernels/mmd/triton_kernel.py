"""The kernel of `triton_impl.py`: radial sums over all pairs of two stacked samples."""

from __future__ import annotations

import math

import triton
import triton.language as tl

from rep4ex_kernels._triton_helpers import (
    ROUTE_DIRECT,
    ROUTE_SERIES,
    ROUTE_SPLIT,
    direct_squares,
    exponential_remainder,
    split_squares,
    weighted_sum,
)

# Radial functions. One bandwidth of a Gaussian is told apart because its weight is its value.
# Where all bandwidths are wide a smooth kernel is one less a multiple of m less a remainder; the
# remainder is formed without cancellation and summed, and the sum of m comes from moments.
GAUSSIAN, GAUSSIAN_MIXTURE, LAPLACE, IMQ, DISTANCE, GAUSSIAN_SERIES, IMQ_SERIES = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
)

# {kind: (kind of its remainders, slope at zero in units of the rate)}
SERIES = {
    GAUSSIAN: (GAUSSIAN_SERIES, math.log(2)),
    GAUSSIAN_MIXTURE: (GAUSSIAN_SERIES, math.log(2)),
    IMQ: (IMQ_SERIES, 0.5),
}

# Squared distances at or below this are zero where a distance is taken: the split form's rounding.
# Points are scaled so that max |z|^2 is SPLIT_SPREAD there.
SPLIT_SPREAD = 16.0
NO_DISTANCE = {ROUTE_SPLIT: SPLIT_SPREAD * 2.0**-19, ROUTE_DIRECT: 1e-36, ROUTE_SERIES: 0.0}

# Largest weight where 1 / |x - y| is a factor of it; half precision ends at 65504.
WEIGHT_CAP = tl.constexpr(30000.0)

# Above this ratio of max to mean |z|^2 an outlier sets the scale, and the direct form is taken.
OUTLIER_RATIO = 128.0

KINDS = {"gaussian": GAUSSIAN_MIXTURE, "laplace": LAPLACE, "imq": IMQ}


@triton.jit
def radial(m, rates_ptr, zero, BANDWIDTHS: tl.constexpr, KIND: tl.constexpr):
    """Value k and gradient weight c for squared distances m, summed over the bandwidths.

    rates holds (rate, weight) a bandwidth. Distances at or below ``zero`` have no direction.
    """
    if KIND == 0:  # GAUSSIAN: the points are scaled, so the rate is one; c is proportional to k
        value = tl.exp2(m * -1.0)
        weight = value
    elif KIND == 4:  # DISTANCE: the sentinel of padding is negative, so it reads as zero
        apart = m > zero
        inverse = tl.where(apart, tl.rsqrt(m), 0.0)
        value = m * inverse
        weight = inverse
    else:
        value = tl.zeros_like(m)
        weight = tl.zeros_like(m)
        if KIND == 2:  # LAPLACE
            inverse = tl.where(m > zero, tl.rsqrt(m), 0.0)
            m = m * inverse
        elif KIND >= 5:
            m = tl.where(m < 8.0, m, 0.0)
        for b in tl.static_range(BANDWIDTHS):
            rate = tl.load(rates_ptr + 2 * b)
            factor = tl.load(rates_ptr + 2 * b + 1)
            if KIND == 1 or KIND == 2:  # noqa: PLR1714 - GAUSSIAN_MIXTURE, LAPLACE
                one = tl.exp2(m * rate)
                weight += one * factor
            elif KIND == 3:  # IMQ: u = (1 + t)^(-1/2), whose weight is its cube
                one = tl.rsqrt(1.0 - m * rate)
                weight += one * one * (one * factor)
            elif KIND == 5:  # GAUSSIAN_SERIES: 2^-t - 1 + t ln 2
                t = m * (-1.0 * rate)
                one = exponential_remainder(t)
                weight += (one - t * 0.6931471805599453 + 1.0) * factor
            else:  # IMQ_SERIES: u - 1 + t / 2 = t^2 u^2 (1 + 2 u) / (2 (1 + u)^2)
                t = m * (-1.0 * rate)
                u = tl.rsqrt(1.0 + t)
                ratio = t * u / (1.0 + u)
                one = ratio * ratio * (0.5 + u)
                weight += u * u * (u * factor)
            value += one
        if KIND == 2:
            weight = weight * inverse
    return value, weight


@triton.jit
def differences(plane_ptr, row, col, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """z_i - z_j (BLOCK_M, BLOCK_N) for one coordinate."""
    rows = tl.load(plane_ptr + row + tl.arange(0, BLOCK_M))
    return rows[:, None] - tl.load(plane_ptr + col + tl.arange(0, BLOCK_N))[None, :]


@triton.jit
def radial_kernel(  # noqa: PLR0912, PLR0915 - one kernel is one function
    points_ptr, low_ptr, norms_ptr, weights_ptr, rates_ptr, level_ptr,
    partial_ptr, values_ptr, route_ptr,
    n_padded, k, batches, first_columns, first_splits, columns_per_split, zero,
    DIRECT: tl.constexpr, K: tl.constexpr, W: tl.constexpr, PRECISE: tl.constexpr,
    KIND: tl.constexpr, BANDWIDTHS: tl.constexpr, FLAT: tl.constexpr, ROUTE: tl.constexpr,
    CHUNK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Sums over one split of the columns: partial of (c - a) weights, values of k - g.

    FLAT kernels, of a distance in one or two dimensions, sum c (z_i - z_j) directly: there close
    pairs are many and c too large for a difference of sums. The values hold three planes: the sum
    of k - g and, in flat kernels, those directions. For an unrolled direct Gaussian the first plane
    is zero, its sum of k being the last column of the weighted sums.

    level holds a and the m of coincident points.

    Grid (batches * n_padded / BLOCK_M, splits, chunks of weight columns). The first
    ``first_splits`` splits cover the ``first_columns`` columns of x, the others those of y.
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
    norms_ptr += batch * n_padded
    weights_ptr += chunk * n_padded * W
    rates_ptr += batch * 2 * BANDWIDTHS
    level = tl.load(level_ptr + 2 * batch)
    if DIRECT:
        points_ptr += batch * n_padded * k
        coincident = tl.load(level_ptr + 2 * batch + 1)
    else:
        points_ptr += batch * n_padded * K
        low_ptr += batch * n_padded * K
        offsets = (row + rows)[:, None] * K + tl.arange(0, K)[None, :]
        row_high = tl.load(points_ptr + offsets)
        row_low = tl.load(low_ptr + offsets)
        row_norms = tl.load(norms_ptr + row + rows)
    if split < first_splits:
        start = split * columns_per_split
        stop = tl.minimum(start + columns_per_split, first_columns)
    else:
        start = first_columns + (split - first_splits) * columns_per_split
        stop = tl.minimum(start + columns_per_split, n_padded)
    total = tl.zeros((BLOCK_M, W), tl.float32)
    value_total = tl.zeros((BLOCK_M,), tl.float32)
    # Flat kernels add tiles and reduce each of these once, after the loop.
    values = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    first = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    second = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for begin in range(start, stop, CHUNK):
        part = tl.zeros((BLOCK_M, W), tl.float32)
        value_part = tl.zeros((BLOCK_M,), tl.float32)
        for col in range(begin, tl.minimum(begin + CHUNK, stop), BLOCK_N):
            if DIRECT:
                m = direct_squares(
                    points_ptr, norms_ptr, row, col, n_padded, k, K, BLOCK_M, BLOCK_N
                )
            else:
                m = split_squares(
                    row_high, row_low, row_norms, points_ptr, low_ptr, norms_ptr, col, K, BLOCK_N
                )
            value, weight = radial(m, rates_ptr, zero, BANDWIDTHS, KIND)
            if not FLAT and (KIND == 2 or KIND == 4):  # noqa: PLR1714
                weight = tl.minimum(weight, WEIGHT_CAP)  # 1 / |x - y| has no bound, float16 has one
            if KIND != 0:
                if KIND < 5:
                    value -= level
            elif not (DIRECT and K > 0):  # unrolled direct Gaussians are narrow: their level is 0
                value -= level
                weight = value
                if DIRECT:  # coincident points have no direction, and a narrow kernel little else
                    weight = tl.where(m > coincident, value, 0.0)
            if FLAT:
                values += value
                first += weight * differences(points_ptr, row, col, BLOCK_M, BLOCK_N)
                if K == 2:
                    plane = points_ptr + n_padded
                    second += weight * differences(plane, row, col, BLOCK_M, BLOCK_N)
            else:
                columns = (col + tl.arange(0, BLOCK_N))[:, None] * W + wide[None, :]
                weights = tl.load(weights_ptr + columns)
                part = weighted_sum(weight, weights, part, PRECISE)
                if not (DIRECT and K > 0 and KIND == 0):
                    value_part += tl.sum(value, 1)
        total += part
        value_total += value_part
    slot = split.to(tl.int64) * batches * tl.num_programs(2) + chunk
    out = partial_ptr + (slot * n_padded + row) * W
    tl.store(out + rows[:, None] * W + wide[None, :], total)
    if tl.program_id(2) == 0:
        sums_ptr = values_ptr + 3 * (split.to(tl.int64) * batches + batch) * n_padded + row + rows
        if FLAT:
            value_total = tl.sum(values, 1)
        tl.store(sums_ptr, value_total)
        tl.store(sums_ptr + n_padded, tl.sum(first, 1))
        tl.store(sums_ptr + 2 * n_padded, tl.sum(second, 1))
