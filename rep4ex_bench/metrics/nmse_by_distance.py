"""`nmse_by_distance`: how the error grows with the distance from the training support."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from rep4ex_bench.accuracy import normalised_mse
from rep4ex_bench.metric import Evaluation, Metric
from rep4ex_bench.metrics._shared import outside


class NMSEByDistance(Metric):
    """Mean squared error at each distance over the variance of the truth outside."""

    name: ClassVar[str] = "nmse_by_distance"
    title: ClassVar[str] = "error by distance from the training support"
    heading: ClassVar[str] = "nMSE\nby distance"
    axis: ClassVar[str] = "distance from the centre of the support, in units of its extent"
    asks_method: ClassVar[bool] = False

    def compute(self, evaluation: Evaluation) -> Mapping[float, float]:
        """Return the error at each distance; one scale for the whole curve."""
        queries, truth = evaluation.task.queries, evaluation.task.truth.values
        variance = float(truth[outside(queries)].var())
        curve = {}
        for distance in np.unique(queries.distance[queries.scored]):
            mask = queries.scored & (queries.distance == distance)
            error = normalised_mse(evaluation.prediction[mask], truth[mask], variance)
            curve[float(distance)] = error
        return curve
