"""Two samples of rounds: the rank test, and the interval of the ratio that belongs to it."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from rep4ex_bench.boards.intervals import LEVEL
from rep4ex_bench.data import FloatArray


def rank_test(before: FloatArray, after: FloatArray) -> float:
    """Return the two-sided p-value of Mann, Whitney and Wilcoxon for seconds of rounds (r,), (s,).

    Exact where no two rounds took the same time.
    """
    return float(stats.mannwhitneyu(before, after, alternative="two-sided").pvalue)


def smallest_p(before: int, after: int) -> float:
    """Return the smallest p-value of `rank_test` for so many rounds: all of one run on one side."""
    return min(1.0, 2 / math.comb(before + after, before))


def ratio_interval(before: FloatArray, after: FloatArray) -> tuple[float, float, float]:
    """Return the ratio after / before and its 95 % interval, by Hodges and Lehmann.

    The median of all ratios of a round after and a round before, and those order statistics of
    them that the rank test (its normal approximation) cannot exclude. The ends are NaN where so few
    rounds have no such interval: below 4 in each run.
    """
    logs = np.sort(np.subtract.outer(np.log(after), np.log(before)).ravel())
    r, s = len(before), len(after)
    spread = math.sqrt(r * s * (r + s + 1) / 12)
    quantile = float(stats.norm.ppf((1 + LEVEL) / 2))
    cut = min(max(0, math.floor(r * s / 2 - quantile * spread)), (len(logs) - 1) // 2)
    ends = (np.median(logs), logs[cut], logs[len(logs) - 1 - cut])
    ratio, low, high = (float(np.exp(end)) for end in ends)
    if smallest_p(r, s) > 1 - LEVEL:
        return ratio, math.nan, math.nan
    return ratio, low, high
