"""The state of a problem of two samples: what its moments and its bandwidths decide.

The pooled sample [x; y] is shifted by its first row and summed in float64, so that an offset costs
nothing; its mean is subtracted and the result scaled to z. The state is

    [SCALE ... CHAIN, centre (d), sum of z over x (d), inverse scale of the weights (d)]    float64

(the sum over y is the negative of that over x), and a bandwidth has four float32 numbers: its rate,
the factor of its weights and, for the inverse multiquadric, the centre t of its expansion and the
value there.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_pairs import power_of_two_below, weight_scale
from rep4ex_kernels._triton_table import BLOCK

# Radial functions, those of the distance last. One bandwidth of a Gaussian is told apart because
# its weight is its value.
GAUSSIAN, GAUSSIAN_MIXTURE, IMQ, LAPLACE, DISTANCE = (tl.constexpr(kind) for kind in range(5))


# Places in the state.
SCALE = tl.constexpr(0)  # z = scale (raw - centre)
LEVEL = tl.constexpr(1)  # what a Gaussian, a Laplace kernel or a distance is lowered by
BASE = tl.constexpr(2)  # the value that a summed value is the difference to, outside of the series
SHIFT_CAP = tl.constexpr(3)  # largest shift of a row's exponents in the direct form; 0: no shift
SERIES_UP_TO = tl.constexpr(4)  # largest max |z|^2 that the series is used for
RATES = tl.constexpr(5)  # sum of the rates
LINEAR = tl.constexpr(6)  # the part of the statistic that is linear in m, for the series
GAIN = tl.constexpr(7)  # what weights are multiplied by in half precision
CHAIN = tl.constexpr(8)  # 1 where every bandwidth is half of the next wider one
COLUMNS = tl.constexpr(16)  # where numbers of columns begin

# Parts that are summed at a time; rows of a tile.
PARTS = tl.constexpr(16)
TILE = tl.constexpr(BLOCK)

# Mean of |z|^2 for kernels of the distance: any number that is small beside the range of float16.
MEAN_SQUARE = tl.constexpr(2.0)

# Distances whose square is at most this part of a tile's largest |z|^2 are rounding, and zero. A
# tile's largest |z|^2 counts as LEAST_SPREAD at least.
ZERO_PART, LEAST_SPREAD = tl.constexpr(2.0**-19), tl.constexpr(8.0)

# Largest weight where 1 / |x - y| is a factor of it; half precision ends at 65504.
WEIGHT_CAP = tl.constexpr(30000.0)

# Gaussian values and weights are multiplied by this in half precision, which ends at 2^16, so that
# pairs down to 2^-39 count.
LIFT = tl.constexpr(32768.0)

# Where the mean of m is above NARROW_MEAN most kernel values are near nothing, and a gradient is
# made of the few near pairs: there every row has a shift of its own, as far as float32 reaches.
NARROW_MEAN, MOST_SHIFT = tl.constexpr(8.0), tl.constexpr(105.0)

# Below this max |z|^2 every m is at most four times that, which is where the series holds.
SERIES_LIMIT = tl.constexpr(0.9)


@triton.jit
def summed_parts(moments_ptr, first_parts, parts, column, d, D: tl.constexpr):
    """Of D columns: sums over x and over y and sums of squares over x and over y, each (D,)."""
    columns = column + tl.arange(0, D)
    sum_x = tl.zeros((D,), tl.float64)
    sum_y = tl.zeros((D,), tl.float64)
    square_x = tl.zeros((D,), tl.float64)
    square_y = tl.zeros((D,), tl.float64)
    for begin in range(0, parts, PARTS):
        part = (begin + tl.arange(0, PARTS))[:, None]
        mask = (part < parts) & (columns < d)[None, :]
        place = moments_ptr + part * 2 * d + columns[None, :]
        sums = tl.load(place, mask=mask, other=0.0)
        squares = tl.load(place + d, mask=mask, other=0.0)
        of_x = part < first_parts
        sum_x += tl.sum(tl.where(of_x, sums, 0.0), 0)
        sum_y += tl.sum(tl.where(of_x, 0.0, sums), 0)
        square_x += tl.sum(tl.where(of_x, squares, 0.0), 0)
        square_y += tl.sum(tl.where(of_x, 0.0, squares), 0)
    return sum_x, sum_y, square_x, square_y


@triton.jit
def total_squares(moments_ptr, first_parts, parts, n, m, d, D: tl.constexpr):
    """Sums over columns: squares about the pooled mean, (|mean x|^2, squares) of x and y about it.

    Returns the sum of squares of all rows, those of x and y about their own means, and the squared
    distance between the two means.
    """
    pooled = tl.zeros((), tl.float64)
    own_x = tl.zeros((), tl.float64)
    own_y = tl.zeros((), tl.float64)
    apart = tl.zeros((), tl.float64)
    count_x = n.to(tl.float64)
    count_y = m.to(tl.float64)
    for column in range(0, d, D):
        sum_x, sum_y, square_x, square_y = summed_parts(
            moments_ptr, first_parts, parts, column, d, D
        )
        gap = sum_x / count_x - sum_y / count_y
        within_x = tl.sum(square_x - sum_x * sum_x / count_x, 0)
        within_y = tl.sum(square_y - sum_y * sum_y / count_y, 0)
        between = tl.sum(gap * gap, 0)
        own_x += within_x
        own_y += within_y
        apart += between
        pooled += within_x + within_y + between * (count_x * count_y / (count_x + count_y))
    return pooled, own_x, own_y, apart


@triton.jit
def scale_of(widths_ptr, pooled, count, KIND: tl.constexpr, Q: tl.constexpr, QP: tl.constexpr):
    """scale in z = scale (raw - centre): the narrowest bandwidth, or the spread, is about one."""
    if KIND >= LAPLACE:
        spread = tl.where(pooled == 0, 1.0, pooled / count)  # NaN stays NaN
        scale = tl.sqrt(1.0 / spread * MEAN_SQUARE)
    else:
        q = tl.arange(0, QP)
        least = tl.min(tl.load(widths_ptr + q, mask=q < Q, other=float("inf")), 0)
        scale = 1.0 / least
        if KIND != IMQ:
            scale *= 0.8493218002880191  # sqrt(log2(e) / 2)
    return scale


@triton.jit
def widths_and_ranks(widths_ptr, Q: tl.constexpr, QP: tl.constexpr):
    """Bandwidths (QP,), their ranks, widest first, and whether each is half of the one before."""
    q = tl.arange(0, QP)
    real = q < Q
    width = tl.load(widths_ptr + q, mask=real, other=0.0)
    row = width[:, None]
    column = width[None, :]
    both = real[:, None] & real[None, :]
    wider = (column > row) | ((column == row) & (q[None, :] < q[:, None]))
    rank = tl.sum((wider & both).to(tl.int32), 1)
    before = (rank[None, :] == rank[:, None] - 1) & both
    doubled = tl.abs(column - 2.0 * row) <= 1e-9 * row
    links = tl.sum(tl.sum((doubled & before).to(tl.int32), 1), 0)
    return width, rank, links == Q - 1


@triton.jit
def store_rates(
    widths_ptr, rates_ptr, state_ptr, scale, mean,
    KIND: tl.constexpr, Q: tl.constexpr, QP: tl.constexpr,
):  # fmt: skip
    """The numbers of the bandwidths, widest first, and what follows from them; mean is that of m.

    Levels are computed as the kernel's values are, at the mean of m; that of the inverse
    multiquadric is the value at t whatever its rounding, as the kernel sums differences to that.
    """
    real = tl.arange(0, QP) < Q
    width, rank, chain = widths_and_ranks(widths_ptr, Q, QP)
    if KIND == LAPLACE:
        rate = 1.4426950408889634 / (width * scale)
    else:
        least_width = tl.min(tl.where(real, width, float("inf")), 0)
        rate = (least_width / width) * (least_width / width)
    rate = tl.where(real, rate, 0.0).to(tl.float32)
    total = tl.sum(rate.to(tl.float64), 0)
    widest = tl.min(tl.where(real, rate, float("inf")), 0).to(tl.float64)
    narrowest = tl.max(rate, 0).to(tl.float64)
    t = rate * mean.to(tl.float32)
    gain = tl.zeros((), tl.float32) + LIFT / QP
    cap = tl.zeros((), tl.float64)
    series = tl.zeros((), tl.float64) + SERIES_LIMIT
    if KIND == LAPLACE:
        value = tl.exp2(-rate * tl.sqrt(mean).to(tl.float32))
        # The weight of the closest pair that counts stays below the cap.
        distance = tl.sqrt(total * 0.0 + ZERO_PART * LEAST_SPREAD)
        gain = tl.maximum(power_of_two_below((distance / total * WEIGHT_CAP).to(tl.float32)), 1.0)
        # |z_i - z_j| is at most 2 max |z|; that times the rate is where the series ends.
        reach = 1.0 / narrowest * (2.0 * SERIES_LIMIT)
        series = reach * reach
    elif KIND == IMQ:
        value = tl.rsqrt(1.0 + t)
    else:
        value = tl.exp2(-t)
        cap = tl.where(mean * widest > NARROW_MEAN, 1.0 / widest * MOST_SHIFT, 0.0)
    value = tl.where(real, value, 0.0)
    level = tl.sum(value, 0).to(tl.float64)
    base = level
    if KIND == IMQ:
        base = tl.sum(tl.where(real, 1.0 / tl.sqrt(1.0 + t.to(tl.float64)), 0.0), 0)
    out = rates_ptr + 4 * rank
    tl.store(out, rate, mask=real)
    tl.store(out + 1, rate * gain, mask=real)
    tl.store(out + 2, t, mask=real)
    tl.store(out + 3, value, mask=real)
    tl.store(state_ptr + LEVEL, level)
    tl.store(state_ptr + BASE, base)
    tl.store(state_ptr + SHIFT_CAP, cap)
    tl.store(state_ptr + SERIES_UP_TO, series)
    tl.store(state_ptr + RATES, total)
    tl.store(state_ptr + GAIN, gain.to(tl.float64))
    tl.store(state_ptr + CHAIN, tl.where(chain, 1.0, 0.0).to(tl.float64))


@triton.jit
def store_state(
    widths_ptr, rates_ptr, state_ptr, scale, mean, own_x, own_y, apart, n, m,
    UNBIASED: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, QP: tl.constexpr,
):  # fmt: skip
    """The numbers of a problem and of its bandwidths; mean is that of m over all pairs."""
    if KIND == DISTANCE:
        level = tl.sqrt(mean).to(tl.float32).to(tl.float64)
        tl.store(state_ptr + LEVEL, level)
        tl.store(state_ptr + BASE, level)
        tl.store(state_ptr + SHIFT_CAP, level * 0.0)
        tl.store(state_ptr + SERIES_UP_TO, level * 0.0 - 1.0)
        tl.store(state_ptr + RATES, level * 0.0)
        tl.store(state_ptr + GAIN, level * 0.0 + 1.0)
        tl.store(state_ptr + CHAIN, level * 0.0)
    else:
        store_rates(widths_ptr, rates_ptr, state_ptr, scale, mean, KIND, Q, QP)
    count_x = n.to(tl.float64)
    count_y = m.to(tl.float64)
    # The means of |z_i - z_j|^2 within x and within y less twice that between them.
    linear = -2.0 * apart
    if UNBIASED:
        linear += 2.0 * own_x / (count_x * (count_x - 1.0))
        linear += 2.0 * own_y / (count_y * (count_y - 1.0))
    tl.store(state_ptr + SCALE, scale)
    tl.store(state_ptr + LINEAR, linear * scale * scale)


@triton.jit
def chunk_moments(moments_ptr, first_ptr, first_parts, parts, n, m, column, d, D: tl.constexpr):
    """Of D columns: the pooled mean, the sum over x of raw - mean, and squares about the mean."""
    columns = column + tl.arange(0, D)
    first = tl.load(first_ptr + columns, mask=columns < d, other=0.0).to(tl.float64)
    sum_x, sum_y, square_x, square_y = summed_parts(moments_ptr, first_parts, parts, column, d, D)
    count = (n + m).to(tl.float64)
    shift = (sum_x + sum_y) / count
    squares = square_x + square_y - count * shift * shift
    return first + shift, sum_x - n.to(tl.float64) * shift, squares


@triton.jit
def store_columns(
    moments_ptr, first_ptr, state_ptr, first_parts, parts, n, m, d, scale, D: tl.constexpr
):
    """The numbers of columns in the state."""
    for column in range(0, d, D):
        columns = column + tl.arange(0, D)
        real = columns < d
        centre, sum_x, squares = chunk_moments(
            moments_ptr, first_ptr, first_parts, parts, n, m, column, d, D
        )
        inverse = 1.0 / weight_scale(squares * scale * scale)
        out = state_ptr + COLUMNS + columns
        tl.store(out, centre, mask=real)
        tl.store(out + d, sum_x * scale, mask=real)
        tl.store(out + 2 * d, inverse.to(tl.float64), mask=real)


@triton.jit
def prepare_problem(
    moments_ptr, widths_ptr, first_ptr, first_parts, parts, n, m, d,
    KIND: tl.constexpr, Q: tl.constexpr, QP: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    """Scale, mean of m, squares of x, of y and of the difference of their means."""
    pooled, own_x, own_y, apart = total_squares(moments_ptr, first_parts, parts, n, m, d, D)
    count = (n + m).to(tl.float64)
    scale = scale_of(widths_ptr, pooled, count, KIND, Q, QP)
    return scale, 2.0 * pooled / count * scale * scale, own_x, own_y, apart
