"""After the pairs of two samples: sums over the splits, in fixed order and in float64.

With V, C and G of `triton_sums.py` over the columns of each sample,

    MMD^2 = own_x sum V_xx + own_y sum V_yy - cross (sum V_xy + sum V_yx),
    d MMD^2 / d x_i = -2 (own_x D_i,xx - cross D_i,xy),   D_i = z_i C_i - G_i,

plus what was subtracted there: levels, which are known, and sums of m, which come from moments. The
kernel saw points rounded to 22 bits, so the value is corrected to first order by
<gradient, points - points seen>.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_pairs import two_terms
from rep4ex_kernels.mmd.triton_prepare import scaled_rows
from rep4ex_kernels.mmd.triton_state import (
    BASE,
    COLUMNS,
    DISTANCE,
    GAUSSIAN,
    GAUSSIAN_MIXTURE,
    IMQ,
    LAPLACE,
    LINEAR,
    RATES,
    SCALE,
    SHIFT_CAP,
)
from rep4ex_kernels.mmd.triton_sums import DIRECT, SERIES

LN2 = tl.constexpr(0.6931471805599453)


@triton.jit
def summed_splits(values_ptr, place, first_split, last_split, stride, mask):
    """Sum over splits of what is at ``place``, float64; stride is that of a split, 64-bit."""
    total = tl.zeros(place.shape, tl.float64)
    for split in range(first_split, last_split):
        at = values_ptr + stride * split + place
        total += tl.load(at, mask=mask, other=0.0).to(tl.float64)
    return total


@triton.jit
def drifts(
    weighted_ptr, place, ones, z, sum_z, lowered, count, inverse, inside, columns, d,
    first_split, last_split, stride, FLAT: tl.constexpr, W: tl.constexpr,
):  # fmt: skip
    """sum_j c_ij (z_i - z_j) over the columns of one sample, (R, D) float64.

    ones (R,) is the place of a row's sum of weights; sum_z (D,) the sum of z over the sample.
    """
    mask = inside[:, None] & (columns < d)[None, :]
    if FLAT:
        return summed_splits(weighted_ptr, place, first_split, last_split, stride, mask)
    weights = summed_splits(weighted_ptr, ones, first_split, last_split, stride, inside)
    points = summed_splits(weighted_ptr, place, first_split, last_split, stride, mask)
    points += summed_splits(weighted_ptr, place + W // 2, first_split, last_split, stride, mask)
    drift = z * weights[:, None] - points * inverse[None, :]
    return drift + lowered * (count * z - sum_z[None, :])


@triton.jit
def lowered_by(state_ptr, form, KIND: tl.constexpr, Q: tl.constexpr):
    """What the values of a row were lowered by, and its weights."""
    base = tl.load(state_ptr + BASE)
    lowered = base * 0.0
    if KIND <= GAUSSIAN_MIXTURE:
        shifted = (form == DIRECT) & (tl.load(state_ptr + SHIFT_CAP) > 0.0)
        base = tl.where(shifted, 0.0, base)
    if KIND == GAUSSIAN:
        lowered = base
    if KIND != DISTANCE:
        base = tl.where(form == SERIES, Q, base)
        if KIND != LAPLACE:
            lowered = tl.where(form == SERIES, tl.load(state_ptr + RATES), lowered)
    return base, lowered


@triton.jit
def rounding(z, form, K: tl.constexpr, FLAT: tl.constexpr):
    """z less what the kernel saw of it."""
    single = z.to(tl.float32)
    seen = single.to(tl.float64)
    if K > 0 and not FLAT:
        high, low = two_terms(single * 1.4142135623730951)
        terms = (high.to(tl.float64) + low.to(tl.float64)) * 0.7071067811865476
        seen = tl.where(form == DIRECT, seen, terms)
    return z - seen


@triton.jit
def combine_rows(
    points_ptr, grad_ptr, state_ptr, weighted_ptr, sums_ptr, sample, form, first, place,
    n, m, d, n_padded, chunks, first_splits, splits, weighted_stride, sums_stride,
    UNBIASED: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, FLAT: tl.constexpr,
    K: tl.constexpr, W: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Gradients of ROWS rows from ``first`` on of sample 0 or 1, and their part of the value.

    ``place`` is the first row's place among the padded rows of both samples.
    """
    count = tl.where(sample == 0, n, m)
    rows = first + tl.arange(0, ROWS)
    inside = rows < count
    at = place + tl.arange(0, ROWS)
    count_x = n.to(tl.float64)
    count_y = m.to(tl.float64)
    count_own = count.to(tl.float64)
    own = 1.0 / (count_own * count_own)
    if UNBIASED:
        own = 1.0 / (count_own * (count_own - 1.0))
    cross = 1.0 / (count_x * count_y)
    scale = tl.load(state_ptr + SCALE)
    base, lowered = lowered_by(state_ptr, form, KIND, Q)
    value_x = summed_splits(sums_ptr, at, 0, first_splits, sums_stride, inside) + count_x * base
    value_y = summed_splits(sums_ptr, at, first_splits, splits, sums_stride, inside)
    value_y += count_y * base
    # Factors of the sums over the columns of x and of y.
    of_x = tl.where(sample == 0, own, -cross)
    of_y = tl.where(sample == 0, -cross, own)
    row_values = of_x * value_x + of_y * value_y
    value_factor = scale * 0.0 + 1.0 / Q
    weight_factor = value_factor
    if KIND == DISTANCE:
        value_factor = -1.0 / scale
    else:
        weight_factor *= scale
        if KIND != IMQ:
            weight_factor *= LN2
        if KIND <= GAUSSIAN_MIXTURE:
            weight_factor *= 2.0
        if UNBIASED:  # leave out the diagonal
            row_values -= own * Q
    value = tl.sum(tl.where(inside, row_values, 0.0), 0) * value_factor
    ones = (d // (W // 2)).to(tl.int64) * n_padded * W + at * W + d % (W // 2)
    for chunk in range(chunks):
        columns = chunk * D + tl.arange(0, D)
        real = columns < d
        mask = inside[:, None] & real[None, :]
        numbers = state_ptr + COLUMNS + columns
        centre = tl.load(numbers, mask=real, other=0.0)
        sum_x = tl.load(numbers + d, mask=real, other=0.0)
        inverse = tl.load(numbers + 2 * d, mask=real, other=0.0)
        z = scaled_rows(points_ptr, rows, inside, columns, d, centre, scale)
        weighted = n_padded.to(tl.int64) * W * chunk + at[:, None] * W + tl.arange(0, D)[None, :]
        drift_x = drifts(
            weighted_ptr, weighted, ones, z, sum_x, lowered, count_x, inverse, inside, columns, d,
            0, first_splits, weighted_stride, FLAT, W,
        )  # fmt: skip
        drift_y = drifts(
            weighted_ptr, weighted, ones, z, -sum_x, lowered, count_y, inverse, inside, columns, d,
            first_splits, splits, weighted_stride, FLAT, W,
        )  # fmt: skip
        gradient = (of_x * drift_x + of_y * drift_y) * (-2.0 * weight_factor)
        out = grad_ptr + rows[:, None] * d + columns[None, :]
        tl.store(out, gradient.to(tl.float32), mask=mask)
        missed = tl.where(mask, gradient * rounding(z, form, K, FLAT), 0.0)
        value += tl.sum(tl.sum(missed, 1), 0) / scale
    return value


@triton.jit
def linear_part(state_ptr, form, KIND: tl.constexpr, Q: tl.constexpr):
    """The part of the value that is linear in m, which the series leaves out."""
    slope = tl.load(state_ptr + RATES) * tl.where(form == SERIES, 1.0 / Q, 0.0)
    if KIND == IMQ:
        slope *= 0.5
    else:
        slope *= LN2
    if KIND >= LAPLACE:
        slope *= 0.0
    return -slope * tl.load(state_ptr + LINEAR)
