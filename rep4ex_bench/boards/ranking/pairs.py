"""Two methods on the same seeds of one scenario.

Wilcoxon's signed-rank test of the logarithm of the ratio of their errors, two-sided, exact where
it can be; Holm's correction over all pairs of the scenario. Source: Holm (1979). Where seeds split
one table they are not independent, and the corrected test of `one_table.py` takes its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from rep4ex_bench.boards.ranking.one_table import corrected_p, smallest_mean
from rep4ex_bench.boards.ranking.scores import Scores, log_ratio
from rep4ex_bench.data import FloatArray

ALPHA = 0.05
_MOST_METHODS = 40
_FAILED = 600.0  # log ratios beyond this are those of a failure (`scores.log_ratio`)


def compare_pairs(scores: Sequence[Scores], role: str = "method") -> pd.DataFrame:
    """Return one row per scenario and pair of methods of one role.

    Columns: scenario_label, first, second (`first` has the smaller median), seeds, ratio (median
    over seeds of the error of `second` over that of `first`; geometric mean where seeds split one
    table), p, p_holm, decided, smallest_ratio (the smallest ratio that would have been decided with
    this scatter over seeds; infinite where the seeds cannot decide any), one_table (whether the
    seeds split one table). Two methods are compared on the seeds where both have a field
    that is not empty; where there are none, the pair has no row. Of more than 40 methods, each is
    compared with the best and with the one before it only.
    """
    columns = ["scenario_label", "first", "second", "seeds", "ratio", "p", "p_holm", "decided"]
    rows = [row for one in scores for row in _rows(one, role)]
    return pd.DataFrame(rows, columns=[*columns, "smallest_ratio", "one_table"])


def _rows(scores: Scores, role: str) -> list[dict[str, object]]:
    table = scores.of_role(role).dropna(axis=1, how="all")
    order = table.median().sort_values(kind="stable").index
    pairs = list(combinations(range(len(order)), 2))
    if len(order) > _MOST_METHODS:
        pairs = [(a, b) for a, b in pairs if a == 0 or b == a + 1]
    both = [table[[order[a], order[b]]].dropna() for a, b in pairs]
    pairs = [pair for pair, seeds in zip(pairs, both, strict=True) if len(seeds)]
    if not pairs:
        return []
    both = [seeds for seeds in both if len(seeds)]
    differences = [log_ratio(seeds.iloc[:, 1], seeds.iloc[:, 0]) for seeds in both]
    share = scores.resampled_share
    if share is None:
        p = signed_rank_ps(differences)
    else:
        p = [corrected_p(difference, share) for difference in differences]
    adjusted = holm(np.array(p))
    return [
        {
            "scenario_label": scores.scenario,
            "first": order[a],
            "second": order[b],
            "seeds": len(difference),
            "ratio": float(np.exp(np.median(difference) if share is None else difference.mean())),
            "p": p[index],
            "p_holm": float(adjusted[index]),
            "decided": bool(adjusted[index] <= ALPHA),
            "smallest_ratio": smallest_ratio(difference, ALPHA / len(pairs), share),
            "one_table": share is not None,
        }
        for index, ((a, b), difference) in enumerate(zip(pairs, differences, strict=True))
    ]


def holm(p: FloatArray) -> FloatArray:
    """Return p-values (m,) corrected for their number: step-down, family-wise."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, stepped)
    return adjusted


def signed_rank_p(differences: FloatArray) -> float:
    """Return the two-sided p-value; seeds without a difference are left out, as Wilcoxon does."""
    kept = differences[differences != 0]
    return float(stats.wilcoxon(kept).pvalue) if len(kept) else 1.0


def signed_rank_ps(differences: list[FloatArray]) -> list[float]:
    """Return `signed_rank_p` of each; those without zeros and ties are tested in one call.

    One call for each number of seeds.
    """
    plain: dict[int, list[int]] = {}
    for place, d in enumerate(differences):
        if d.all() and len(np.unique(abs(d))) == len(d):
            plain.setdefault(len(d), []).append(place)
    p: dict[int, float] = {}
    for places in plain.values():
        together = stats.wilcoxon(np.stack([differences[i] for i in places]), axis=1).pvalue
        p |= dict(zip(places, np.atleast_1d(together).tolist(), strict=True))
    return [p[i] if i in p else signed_rank_p(d) for i, d in enumerate(differences)]


def smallest_p(seeds: int) -> float:
    """Return the smallest p-value that so many seeds can give: all of them on one side."""
    return min(1.0, 2.0 ** (1 - seeds))


def seeds_needed(comparisons: int) -> int:
    """Return how many seeds it takes that so many corrected comparisons can be decided at all."""
    return math.ceil(1 - math.log2(ALPHA / max(1, comparisons)))


def smallest_ratio(differences: FloatArray, level: float, share: float | None = None) -> float:
    """Return the smallest ratio of errors that would be decided with this scatter over seeds.

    With a share the seeds split one table. Else:

    The scatter is that of the log ratios (seeds,) about their Hodges-Lehmann centre; failures are
    left out of it. The signed-rank statistic counts the Walsh averages on the wrong side of 0, so
    the shift that leaves few enough of them there is one of them.
    """
    finite = differences[np.abs(differences) < _FAILED]
    if share is not None:
        return float(np.exp(smallest_mean(finite, share, level)))
    allowed = _most_against(len(finite), level)
    if allowed < 0:
        return math.inf
    first, second = np.triu_indices(len(finite))
    walsh = (finite[first] + finite[second]) / 2
    # of the sorted shifts one is wanted: 5,000 seeds have 12 million
    place = len(walsh) - 1 - allowed
    shift = np.partition(np.median(walsh) - walsh, place)[place]
    return float(np.exp(max(0.0, shift)))


@cache
def _most_against(seeds: int, level: float) -> int:
    """Return the largest signed-rank statistic of the smaller side with p <= level, -1 if none."""
    if seeds == 0 or smallest_p(seeds) > level:
        return -1
    low, high = 0, seeds * (seeds + 1) // 4
    while low < high:
        middle = (low + high + 1) // 2
        left, signs = middle, np.ones(seeds)
        for rank in range(seeds, 0, -1):
            if rank <= left:
                left -= rank
                signs[rank - 1] = -1.0
        if signed_rank_p(np.arange(1, seeds + 1) * signs) <= level:
            low = middle
        else:
            high = middle - 1
    return low
