"""`nmse_inside`: the error of E[Y | do(A = a*)] within the training support."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.accuracy import normalised_mse
from rep4ex_bench.metric import Evaluation, Metric


class NMSEInside(Metric):
    """Mean squared error over the variance of the truth, at queries within the support."""

    name: ClassVar[str] = "nmse_inside"
    title: ClassVar[str] = "error within the training support"
    heading: ClassVar[str] = "nMSE\ninside"
    asks_method: ClassVar[bool] = False

    def compute(self, evaluation: Evaluation) -> float:
        """Return the error over all scored queries with a distance of at most 1."""
        queries, truth = evaluation.task.queries, evaluation.task.truth.values
        mask = queries.scored & ~(queries.distance > 1)
        return normalised_mse(evaluation.prediction[mask], truth[mask])
