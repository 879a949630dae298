"""From a fitted method and its task to metric values: which queries and which fresh data.

A metric that a method cannot have (no code to judge) is a value with status "skipped"; one whose
computation fails is "failed" with the message. Neither is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import Rep4ExBenchError
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.metrics.errors_and_r2 import affine_r2, normalised_mse
from rep4ex_bench.scenario import LatentSample, Task
from rep4ex_bench.seeding import derive_seed, numpy_generator

_FRESH_ROWS = 2_000


@dataclass(frozen=True)
class MetricValue:
    """One value; `at` is its position on the metric's axis (a distance), NaN for a scalar."""

    metric: str
    value: float
    at: float = math.nan
    status: str = "ok"
    error: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What metrics are computed from.

    Attributes:
        task: with its oracle.
        fitted: the method after fit.
        prediction: shape (q,), for all queries of the task, path included.
        seed: of the fresh data; the same for every method.
    """

    task: Task
    fitted: FittedMethod
    prediction: FloatArray
    seed: int


Metric = Callable[[Evaluation], list[MetricValue]]


def _error_where(name: str, outside: bool, evaluation: Evaluation) -> list[MetricValue]:
    queries, truth = evaluation.task.queries, evaluation.task.truth.values
    mask = queries.scored & ((queries.distance > 1) == outside)
    return [MetricValue(name, normalised_mse(evaluation.prediction[mask], truth[mask]))]


def _error_by_distance(evaluation: Evaluation) -> list[MetricValue]:
    """Error at each distance over the variance of the truth outside, one scale for the curve."""
    queries, truth = evaluation.task.queries, evaluation.task.truth.values
    outside = queries.scored & (queries.distance > 1)
    variance = float(truth[outside].var())
    values = []
    for distance in np.unique(queries.distance[queries.scored]):
        mask = queries.scored & (queries.distance == distance)
        error = normalised_mse(evaluation.prediction[mask], truth[mask], variance)
        values.append(MetricValue("nmse_by_distance", error, at=float(distance)))
    return values


def _identification(
    name: str, draw: Callable[[Evaluation], LatentSample], evaluation: Evaluation
) -> list[MetricValue]:
    if evaluation.task.oracle is None:
        return [MetricValue(name, math.nan, status="skipped", error="no true latents are known")]
    sample = draw(evaluation)
    code = evaluation.fitted.represent(torch.from_numpy(sample.features))
    if code is None:
        return [MetricValue(name, math.nan, status="skipped", error="the method has no code")]
    return [MetricValue(name, affine_r2(np.asarray(code, dtype=np.float64), sample.latents))]


def _fresh(evaluation: Evaluation) -> LatentSample:
    return evaluation.task.require_oracle().draw(_FRESH_ROWS, derive_seed(evaluation.seed, "fresh"))


def _fresh_outside(evaluation: Evaluation) -> LatentSample:
    """Features under do(a*), a* drawn among the scored queries outside the support."""
    queries = evaluation.task.queries
    outside = queries.actions[queries.scored & (queries.distance > 1)]
    rows = numpy_generator(evaluation.seed, "fresh outside").integers(
        len(outside), size=_FRESH_ROWS
    )
    return evaluation.task.require_oracle().draw_do(
        outside[rows], derive_seed(evaluation.seed, "fresh outside noise")
    )


METRICS: dict[str, Metric] = {
    "nmse_outside": partial(_error_where, "nmse_outside", True),
    "nmse_inside": partial(_error_where, "nmse_inside", False),
    "nmse_by_distance": _error_by_distance,
    "affine_r2": partial(_identification, "affine_r2", _fresh),
    "affine_r2_do": partial(_identification, "affine_r2_do", _fresh_outside),
}


def evaluate(evaluation: Evaluation, metrics: list[str]) -> list[MetricValue]:
    """Return the values of the named metrics (keys of `METRICS`); no failure hides another's."""
    values: list[MetricValue] = []
    for name in metrics:
        try:
            values += METRICS[name](evaluation)
        except Rep4ExBenchError as error:
            values.append(MetricValue(name, math.nan, status="failed", error=str(error)))
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            values.append(MetricValue(name, math.nan, status="failed", error=message))
    return values
