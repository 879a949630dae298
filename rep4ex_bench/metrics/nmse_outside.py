"""`nmse_outside`: the error of E[Y | do(A = a*)] outside the training support. What ranks."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.accuracy import normalised_mse
from rep4ex_bench.metric import Evaluation, Metric
from rep4ex_bench.metrics._shared import outside


class NMSEOutside(Metric):
    """Mean squared error over the variance of the truth, at queries outside the support."""

    name: ClassVar[str] = "nmse_outside"
    title: ClassVar[str] = "error outside the training support"
    heading: ClassVar[str] = "nMSE\noutside"
    asks_method: ClassVar[bool] = False

    def compute(self, evaluation: Evaluation) -> float:
        """Return the error over all scored queries with a distance above 1."""
        mask, truth = outside(evaluation.task.queries), evaluation.task.truth.values
        return normalised_mse(evaluation.prediction[mask], truth[mask])
