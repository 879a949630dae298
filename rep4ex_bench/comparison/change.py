"""One quantity in two runs, and the verdict on it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from rep4ex_bench.boards.ranking.pairs import ALPHA, holm

REGRESSION, IMPROVEMENT, SAME, APART = "regression", "improvement", "no change", "not compared"
UNDECIDABLE = "undecidable"
VERDICTS = (REGRESSION, IMPROVEMENT, UNDECIDABLE, APART, SAME)
_MOST_VALUES = 1_000  # more are never needed for as many comparisons as fit into memory


@dataclass(frozen=True)
class Sample:
    """What a change is tested with, and what a test of so many values can show at best.

    Attributes:
        size: values in either run, the smaller number of the two.
        unit: "seeds", "rounds" or "splits of one table".
        smallest_p: of so many values, were they all on one side.
        smallest_p_of: the same of any number of values in either run; None where more values would
            be of no use.
    """

    size: int
    unit: str
    smallest_p: float
    smallest_p_of: Callable[[int], float] | None

    def needed(self, comparisons: int) -> int | None:
        """Return how many values could decide one of so many comparisons, None if no number can."""
        if self.smallest_p_of is None:
            return None
        sizes = range(self.size + 1, _MOST_VALUES)
        of = self.smallest_p_of
        return next((n for n in sizes if of(n) * comparisons <= ALPHA), None)


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
        sample: what it is tested with; None where it is not tested.
        identical: whether all values are the same in both runs, which needs no test.
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
    sample: Sample | None = None
    identical: bool = False


def judged(changes: Iterable[Change]) -> list[Change]:
    """Return the changes with corrected p-values and verdicts, the gravest first.

    A regression is one whose corrected p-value is at most 5 % and whose own ratio is at least
    `least`; an improvement likewise the other way round. A change is undecidable where its
    corrected p-value would be above 5 % even if all values of all comparisons were on one side; the
    note says with how many values that is so, and how many could decide. What has no p-value keeps
    its verdict.
    """
    found = list(changes)
    tested = [i for i, change in enumerate(found) if not math.isnan(change.p)]
    adjusted = holm(np.array([found[i].p for i in tested]))
    at_best = holm(np.array([_smallest_p(found[i]) for i in tested]))
    for index, p, best in zip(tested, adjusted, at_best, strict=True):
        change = dataclasses.replace(found[index], p=float(p))
        decidable = best <= ALPHA or change.identical
        found[index] = (
            _with_verdict(change) if decidable else _undecidable(change, comparisons=len(tested))
        )
    return sorted(found, key=_gravity)


def _smallest_p(change: Change) -> float:
    return 0.0 if change.sample is None else change.sample.smallest_p


def _undecidable(change: Change, comparisons: int) -> Change:
    sample = change.sample
    if sample is None:
        return change
    note = f"undecidable with {sample.size} {sample.unit}"
    note += f" and {comparisons} comparisons" if comparisons > 1 else ""
    if (needed := sample.needed(comparisons)) is not None:
        note += f"; {needed} could decide"
    return dataclasses.replace(change, verdict=UNDECIDABLE, note=note)


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
