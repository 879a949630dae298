"""All scenarios at once: mean ranks, Friedman's test, the critical difference, who is tied.

Two methods are separated if Friedman's test rejects "all are alike" and their mean ranks over N
scenarios differ by more than q sqrt(k (k + 1) / (6 N)), q the studentised range over sqrt(2) for
the k methods. Source: Nemenyi (1963), in Demsar (2006), "Statistical comparisons of classifiers
over multiple data sets". Scenarios are the sample: what is said holds for scenarios like these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from rep4ex_bench.boards.ranking.pairs import ALPHA
from rep4ex_bench.boards.ranking.scores import Scores


@dataclass(frozen=True)
class Overall:
    """The order of the methods over all scenarios.

    Attributes:
        table: best first; columns method_label, mean_rank, best_place, worst_place (the places that
            cannot be told apart from its own), groups (letters; methods that share one are tied),
            failed and missing (cells), cells.
        scenarios: number of scenarios.
        critical_difference: of mean ranks; the smallest that so many scenarios can decide.
        friedman_p: NaN with fewer than three methods or two scenarios.
        separable: whether Friedman's test rejects (with two methods the difference decides alone).
    """

    table: pd.DataFrame
    scenarios: int
    critical_difference: float
    friedman_p: float
    separable: bool


def overall(scores: list[Scores]) -> Overall | None:
    """Return the order of the methods of role "method"; None where there are fewer than two.

    A method is ranked in a scenario by its median nmse_outside, a failed or missing cell counting
    as infinitely bad; equal medians share the mean of their ranks.
    """
    medians = pd.DataFrame({s.scenario: s.of_role("method").median() for s in scores}).T
    if medians.shape[1] < 2:
        return None
    ranks = stats.rankdata(medians.to_numpy(), axis=1)
    scenarios, methods = ranks.shape
    difference = critical_difference(methods, scenarios)
    p = _friedman(ranks)
    separable = p <= ALPHA if methods > 2 else True
    mean = ranks.mean(axis=0)
    order = np.lexsort((np.arange(methods), mean))
    mean = mean[order]
    apart = (np.abs(mean[:, None] - mean) > difference) & separable
    labels = medians.columns[order]
    missing = pd.concat([s.missing for s in scores]).sum()
    without = pd.concat([s.values for s in scores]).map(math.isinf).sum()
    table = pd.DataFrame(
        {
            "method_label": labels,
            "mean_rank": mean,
            "best_place": [1 + int((apart[i] & (mean < m)).sum()) for i, m in enumerate(mean)],
            "worst_place": [
                methods - int((apart[i] & (mean > m)).sum()) for i, m in enumerate(mean)
            ],
            "groups": _letters(~apart),
            "failed": (without - missing)[labels].to_numpy(),
            "missing": missing[labels].to_numpy(),
            "cells": sum(len(s.values) for s in scores),
        }
    )
    return Overall(table, scenarios, difference, p, separable)


def critical_difference(methods: int, scenarios: int, alpha: float = ALPHA) -> float:
    """Return Nemenyi's critical difference of mean ranks over so many scenarios."""
    return _quantile(methods, alpha) * math.sqrt(methods * (methods + 1) / (6 * scenarios))


@cache
def _quantile(methods: int, alpha: float) -> float:
    return float(stats.studentized_range.ppf(1 - alpha, methods, np.inf)) / math.sqrt(2)


def _friedman(ranks: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
    scenarios, methods = ranks.shape
    if methods < 3 or scenarios < 2 or (ranks == ranks[:, :1]).all():
        return math.nan
    return float(stats.friedmanchisquare(*ranks.T).pvalue)


def _letters(tied: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> list[str]:
    """Return the letters of each method: one for each longest stretch of methods that are tied."""
    count = len(tied)
    ends = [max(j for j in range(i, count) if tied[i, j]) for i in range(count)]
    stretches = [(i, end) for i, end in enumerate(ends) if i == 0 or end > ends[i - 1]]
    return [
        "".join(_name(n) for n, (low, high) in enumerate(stretches) if low <= i <= high)
        for i in range(count)
    ]


def _name(number: int) -> str:
    letter = chr(ord("a") + number % 26)
    return letter if number < 26 else f"{letter}{number // 26}"
