"""Intervals of medians over few seeds or rounds.

The interval of a median runs between two order statistics. It is exact for any continuous
distribution from `FEWEST` values on, while a bootstrap over as few is too narrow: with 7 values the
percentile bootstrap of a median covers it 87 times of 100 where it says 95. Fewer values have no
such interval, and then none is shown: from the smallest to the largest of n values covers
1 - 2^(1 - n), which is 50 of 100 times with two and 75 with three.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy.stats import binom

from rep4ex_bench.boards.numbers import spread
from rep4ex_bench.data import FloatArray

LEVEL = 0.95


def fewest_values(level: float = LEVEL) -> int:
    """Return the smallest number of values whose range holds their median with that probability."""
    return math.ceil(1 - math.log2(1 - level))


FEWEST = fewest_values()


@cache
def _rank(size: int, level: float) -> int:
    """Return how many order statistics may be cut off on each side."""
    cut = int(binom.ppf((1 - level) / 2, size, 0.5))
    # ppf is the first count that reaches the tail probability; it must not be exceeded
    return cut if binom.cdf(cut, size, 0.5) <= (1 - level) / 2 else cut - 1


def median_interval(values: FloatArray, level: float = LEVEL) -> tuple[float, float]:
    """Return an interval that holds the median with at least the given probability.

    Args:
        values: shape (seeds,) or (rounds,); infinite for a failure, no NaN.
        level: of the interval.

    Returns:
        (NaN, NaN) with fewer values than `fewest_values` of the level: no such interval exists.
    """
    if len(values) < fewest_values(level):
        return (math.nan, math.nan)
    return _between(values, level)


def median_range(values: FloatArray, level: float = LEVEL) -> tuple[float, float]:
    """Return `median_interval`, and of too few values the whole range, which covers less.

    For rules that ask whether every one of a few rounds says the same. It is nothing to be shown as
    an interval of that level.
    """
    return (math.nan, math.nan) if len(values) == 0 else _between(values, level)


def _between(values: FloatArray, level: float) -> tuple[float, float]:
    ordered = np.sort(values)
    cut = max(_rank(len(ordered), level), 0)
    return (float(ordered[cut]), float(ordered[len(ordered) - 1 - cut]))


def interval_text(low: float, high: float, values: int, of: str = "seeds") -> str:
    """Return "low to high", or how many values an interval needs; "" where there is no value.

    Args:
        low: lower end, NaN without interval.
        high: upper end.
        values: how many there are.
        of: what they are.
    """
    if values and math.isnan(low):
        return f"needs {FEWEST} {of}"
    return spread(low, high)
