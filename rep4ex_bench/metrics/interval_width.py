"""`interval_width`: how wide 90 % intervals are outside the training support."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.metric import Evaluation, Metric
from rep4ex_bench.metrics._shared import intervals_outside


class IntervalWidth(Metric):
    """Mean width of the 90 % intervals at the queries outside, over the spread of the truth there.

    A narrow interval that misses is no virtue: look at `coverage_90` beside it.
    """

    name: ClassVar[str] = "interval_width"
    title: ClassVar[str] = "width of 90 % intervals outside the support"
    heading: ClassVar[str] = "width\n90 %"
    unit: ClassVar[str] = "standard deviations of the truth"

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean width."""
        intervals, truth = intervals_outside(evaluation, 0.9)
        return float((intervals[:, 1] - intervals[:, 0]).mean() / truth.std())
