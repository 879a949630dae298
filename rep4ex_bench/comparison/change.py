"""One quantity in two runs, and the verdict on it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rep4ex_bench.boards.ranking.pairs import ALPHA, holm

REGRESSION, IMPROVEMENT, SAME, APART = "regression", "improvement", "no change", "not compared"
VERDICTS = (REGRESSION, IMPROVEMENT, APART, SAME)


@dataclass(frozen=True)
class Change:
    """A quantity of which less is better, before (run A) and after (run B).

    Attributes:
        place: workload or scenario.
        name: contender or method.
        quantity: what is compared.
        before: median in A.
        after: median in B.
        ratio: after / before, above 1 is worse; median over seeds, or of the medians over rounds.
        low: lower end of the 95 % interval of the ratio.
        high: upper end.
        own: the part of the ratio that the machine does not explain.
        p: of the rank test that nothing changed; after `judged` corrected by Holm's method for the
            number of comparisons of the two runs.
        least: smallest ratio that counts as a change.
        verdict: one of `VERDICTS`.
        note: why, where it does not follow from the numbers.
    """

    place: str
    name: str
    quantity: str
    before: float = math.nan
    after: float = math.nan
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    own: float = math.nan
    p: float = math.nan
    least: float = 1.0
    verdict: str = SAME
    note: str = ""


def judged(changes: Iterable[Change]) -> list[Change]:
    """Return the changes with corrected p-values and verdicts, the gravest first.

    A regression is one whose corrected p-value is at most 5 % and whose own ratio is at least
    `least`; an improvement likewise the other way round. What has no p-value keeps its verdict.
    """
    found = list(changes)
    tested = [i for i, change in enumerate(found) if not math.isnan(change.p)]
    adjusted = holm(np.array([found[i].p for i in tested]))
    for index, p in zip(tested, adjusted, strict=True):
        found[index] = _with_verdict(dataclasses.replace(found[index], p=float(p)))
    return sorted(found, key=_gravity)


def _with_verdict(change: Change) -> Change:
    verdict = SAME
    if change.p <= ALPHA and change.own >= change.least:
        verdict = REGRESSION
    elif change.p <= ALPHA and change.own <= 1 / change.least:
        verdict = IMPROVEMENT
    return dataclasses.replace(change, verdict=verdict)


def _gravity(change: Change) -> tuple[int, float, str, str]:
    size = 0.0 if math.isnan(change.ratio) else abs(math.log(change.ratio))
    return VERDICTS.index(change.verdict), -size, change.place, change.name
