"""`coverage_90`: how often 90 % intervals hold E[Y | do(A = a*)] outside the training support."""

from __future__ import annotations

from typing import ClassVar, Literal

from rep4ex_bench.metric import Evaluation, Metric
from rep4ex_bench.metrics._shared import intervals_outside


class Coverage90(Metric):
    """Share of the queries outside whose truth lies in the method's 90 % interval."""

    name: ClassVar[str] = "coverage_90"
    title: ClassVar[str] = "coverage of 90 % intervals outside the support"
    heading: ClassVar[str] = "coverage\n90 %"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    best: ClassVar[float] = 0.9

    def compute(self, evaluation: Evaluation) -> float:
        """Return the share."""
        intervals, truth = intervals_outside(evaluation, 0.9)
        return float(((intervals[:, 0] <= truth) & (truth <= intervals[:, 1])).mean())
