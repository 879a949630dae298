"""All scenarios at once: mean ranks, Friedman's test, the critical difference, who is tied.

Two methods are separated if Friedman's test rejects "all are alike" and their mean ranks over N
scenarios differ by more than q sqrt(k (k + 1) / (6 N)), q the studentised range over sqrt(2) for
the k methods. Source: Nemenyi (1963), in Demsar (2006), "Statistical comparisons of classifiers
over multiple data sets". Scenarios are the sample: what is said holds for scenarios like these.

Only methods that apply in every scenario have a place: ranks of others would be over other
scenarios. The others are listed with the number of scenarios where they apply.
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
            failed and missing (cells), cells, coverage (scenarios where no cell is left out).
        scenarios: number of scenarios where any method applies.
        critical_difference: of mean ranks; the smallest that so many scenarios can decide. NaN
            with fewer than two methods that apply everywhere.
        friedman_p: NaN with fewer than three methods or two scenarios.
        separable: whether Friedman's test rejects (with two methods the difference decides alone).
        unplaced: methods that have empty fields, those with the best coverage first; columns
            method_label, failed, missing, cells, coverage.
    """

    table: pd.DataFrame
    scenarios: int
    critical_difference: float
    friedman_p: float
    separable: bool
    unplaced: pd.DataFrame


def overall(scores: list[Scores], role: str = "method") -> Overall | None:
    """Return the order of the methods of one role; None where there are fewer than two.

    A method is ranked in a scenario by its median nmse_outside, a failed or missing cell counting
    as infinitely bad; equal medians share the mean of their ranks. Where fewer than two methods
    apply in every scenario, all of them are without place.
    """
    medians = pd.DataFrame({s.scenario: s.of_role(role).median() for s in scores}).T
    if medians.shape[1] < 2:
        return None
    # where no method applies nobody can be ranked, and nobody lacks anything
    somewhere = medians.notna().any(axis=1).to_numpy()
    if somewhere.any():
        medians = medians[somewhere]
        scores = [one for one, applies in zip(scores, somewhere, strict=True) if applies]
    counts = _counts(scores, list(medians.columns))
    compared = [m for m in medians.columns if counts.loc[m, "coverage"] == len(scores)]
    if len(compared) < 2:
        compared = []
    others = counts.drop(index=compared).sort_values("coverage", ascending=False, kind="stable")
    unplaced = others.reset_index(names="method_label")
    if not compared:
        return Overall(_NOBODY, len(scores), math.nan, math.nan, False, unplaced)
    return _ordered(medians[compared], counts, unplaced)


# Columns of the places where nobody has one.
_NOBODY = pd.DataFrame(
    columns=[
        *("method_label", "mean_rank", "best_place", "worst_place", "groups"),
        *("failed", "missing", "cells", "coverage"),
    ]
)


def _counts(scores: list[Scores], methods: list[str]) -> pd.DataFrame:
    """Return failed, missing, cells and coverage of each method."""
    missing = pd.concat([s.missing for s in scores]).sum()
    values = pd.concat([s.values for s in scores])
    without = values.map(math.isinf).sum()
    counts = pd.DataFrame(
        {"failed": without - missing, "missing": missing, "cells": values.notna().sum()}
    )
    counts["coverage"] = [sum(s.applies(m) for s in scores) for m in counts.index]
    return counts.loc[methods]


def _ordered(medians: pd.DataFrame, counts: pd.DataFrame, unplaced: pd.DataFrame) -> Overall:
    """Return the order of the methods by their medians (scenarios, methods)."""
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
    table = pd.DataFrame(
        {
            "method_label": labels,
            "mean_rank": mean,
            "best_place": [1 + int((apart[i] & (mean < m)).sum()) for i, m in enumerate(mean)],
            "worst_place": [
                methods - int((apart[i] & (mean > m)).sum()) for i, m in enumerate(mean)
            ],
            "groups": _letters(~apart),
            **{name: column.to_numpy() for name, column in counts.loc[labels].items()},
        }
    )
    return Overall(table, scenarios, difference, p, separable, unplaced)


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
