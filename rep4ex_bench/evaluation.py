"""From a fitted method and its task to metric values.

A metric that a method cannot have (no code to judge) is a value with status "skipped"; one whose
computation fails is "failed" with the message. Neither is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rep4ex_bench.errors import Rep4ExBenchError, UsageError
from rep4ex_bench.metric import Evaluation, Metric, MetricValue, NoAnswerError
from rep4ex_bench.registry import get_metric

# Of a suite that names none. A fixed list: a metric that is added changes no suite's cells.
DEFAULT_METRICS = ("nmse_outside", "nmse_inside", "nmse_by_distance", "affine_r2", "affine_r2_do")


def evaluate(evaluation: Evaluation, metrics: Sequence[str | Metric]) -> list[MetricValue]:
    """Return the values of metrics, given by name or themselves; no failure hides another's."""
    values: list[MetricValue] = []
    for one in metrics:
        name = one if isinstance(one, str) else one.name
        try:
            metric = get_metric(one) if isinstance(one, str) else one
            found = metric.compute(evaluation)
            positions = found if isinstance(found, Mapping) else {math.nan: found}
            values += [MetricValue(name, float(v), float(at)) for at, v in positions.items()]
        except NoAnswerError as error:
            values.append(MetricValue(name, math.nan, status="skipped", error=str(error)))
        except Rep4ExBenchError as error:
            values.append(MetricValue(name, math.nan, status="failed", error=str(error)))
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            values.append(MetricValue(name, math.nan, status="failed", error=message))
    return values


def from_predictions(metrics: Iterable[str]) -> list[str]:
    """Return those of the names whose metric predictions and truth alone determine."""
    return [name for name in metrics if not _asks_method(name)]


def _asks_method(name: str) -> bool:
    try:
        return get_metric(name).asks_method
    except UsageError:  # no metric that is known here
        return True
