"""Reading the points of a loss in compiled code: centred, brought into rows, judged.

What `_two_sample.centre` and `_conditioning` do in a dozen torch operations costs more than the
pairs themselves at a few hundred rows. Here no call raises: who gets the answer "no" leaves the
problem to the torch path, which checks its input and says what is wrong with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rep4ex_kernels._conditioning import LARGEST_SPREAD, SMALLEST_EXPONENT
from rep4ex_kernels._numba_pairs import lines

# Smallest exponent and largest spread that the compiled path takes, by precision.
LIMITS = {name: (SMALLEST_EXPONENT[name], LARGEST_SPREAD[name]) for name in SMALLEST_EXPONENT}


@njit(nogil=True, cache=True)
def read_points(x: Any, y: Any, ones: Any) -> Any:
    """Return x and y, less one shift, as rows of columns, and the spread of both together (B, 2).

    x (B, n, d) and y (B, m, d) float32, m may be 0. Results as of `lines`: (B, ones + d, n and
    more) and (B, ones + d, m and more), the first row of ones if ones is 1. The shift is that of
    `_two_sample.centre`. The spread is the mean and the largest |x_i - shift|^2; what is not finite
    in the points is not finite in their mean.
    """
    (batches, n, d), m = x.shape, y.shape[1]
    a, b = lines(batches, ones + d, n), lines(batches, ones + d, m)
    spread = np.zeros((batches, 2))
    mean, variance = np.empty(d), np.empty(d)
    shift = np.empty(d, np.float32)
    for p in range(batches):
        mean[:] = 0.0
        add_columns(x[p], mean)
        add_columns(y[p], mean)
        mean /= n + m
        variance[:] = 0.0
        add_squares(x[p], mean, variance)
        add_squares(y[p], mean, variance)
        for c in range(d):
            large = mean[c] ** 2 > 4 * variance[c] / (n + m)
            shift[c] = mean[c] if large else 0.0
        fill(x[p], shift, ones, a[p], spread[p])
        fill(y[p], shift, ones, b[p], spread[p])
        spread[p, 0] /= n + m
    return a, b, spread


@njit(forceinline=True)
def add_columns(values: Any, sums: Any) -> None:
    """sums (d,) += the sums of the columns of values (n, d)."""
    for i in range(len(values)):
        for c in range(len(sums)):
            sums[c] += values[i, c]


@njit(forceinline=True)
def add_squares(values: Any, mean: Any, sums: Any) -> None:
    """sums (d,) += the sums of squared distances of the columns from the mean (d,)."""
    for i in range(len(values)):
        for c in range(len(sums)):
            sums[c] += (values[i, c] - mean[c]) ** 2


@njit(forceinline=True)
def fill(values: Any, shift: Any, ones: Any, out: Any, spread: Any) -> None:
    """out (ones + d, n and more) = [1, values - shift]'; adds to spread (2,): a sum, a maximum."""
    n, d = values.shape
    if ones:
        out[0, :n] = np.float32(1)
    for i in range(n):
        norm = 0.0
        for c in range(d):
            value = values[i, c] - shift[c]
            out[ones + c, i] = value
            norm += np.float64(value) ** 2
        spread[0] += norm
        spread[1] = max(spread[1], norm)


@njit(nogil=True, cache=True)
def widths_fit(spread: Any, widths: Any, smallest: Any, largest: Any) -> Any:
    """Say whether float32 is enough for bandwidths (B, q) in float64, in every problem.

    spread (B, 2) of `read_points`; False, too, for what is not finite or not positive. The rule is
    that of `_conditioning.gradient_needs_float64`; with an infinite `largest` and q = 1, that of
    `needs_float64`.
    """
    count = widths.shape[1]
    for p in range(len(widths)):
        if not np.isfinite(spread[p, 0]):
            return False
        least, departure = np.inf, 0.0
        for q in range(count):
            if not 0 < widths[p, q] < np.inf:
                return False
            square = widths[p, q] ** 2
            least = min(least, square)
            departure += min(spread[p, 0] / square, 1.0)
        if spread[p, 1] > largest * least or departure < smallest * count:
            return False
    return True
