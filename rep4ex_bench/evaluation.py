"""From a fitted method and its task to values of metrics and of diagnostics.

A metric that a method cannot have (no code to judge) is a value with status "skipped"; one whose
computation fails is "failed" with the message. Neither is left out. A diagnostic that a method has
nothing to say about is left out; one that fails is "failed", likewise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.errors import Rep4ExBenchError, UsageError, trace_of
from rep4ex_bench.metric import Evaluation, Metric, MetricValue, NoAnswerError
from rep4ex_bench.parameters import build
from rep4ex_bench.records.kinds import DIAGNOSTIC
from rep4ex_bench.registry import DIAGNOSTICS, get_metric

_Computed = float | Mapping[float, float]

# Of a suite that names none. A fixed list: a metric that is added changes no suite's cells.
DEFAULT_METRICS = ("nmse_outside", "nmse_inside", "nmse_by_distance", "affine_r2", "affine_r2_do")


def evaluate(evaluation: Evaluation, metrics: Sequence[str | Metric]) -> list[MetricValue]:
    """Return the values of metrics, given by name or themselves; no failure hides another's."""
    values: list[MetricValue] = []
    for one in metrics:
        name = one if isinstance(one, str) else one.name
        values += _values(name, partial(_metric, one, evaluation))
    return values


def diagnose(evaluation: Evaluation, diagnostics: Sequence[str | Diagnostic]) -> list[MetricValue]:
    """Return the values of diagnostics, given by name or themselves; no failure hides another's.

    Their names are those of records (`records/kinds.py`). What a method has nothing to say about is
    left out.
    """
    values: list[MetricValue] = []
    for one in diagnostics:
        name = DIAGNOSTIC + (one if isinstance(one, str) else one.name)
        values += _values(name, partial(_diagnostic, one, evaluation))
    return [value for value in values if value.status != "skipped"]


def known_diagnostics() -> tuple[str | Diagnostic, ...]:
    """Return every diagnostic that is installed or registered.

    This package's own and registered ones as they are, for worker processes that know no
    registration; those of other packages by name, so that one that cannot be imported stops nothing
    and is a record that failed.
    """
    return tuple(
        _built(name) if DIAGNOSTICS.is_at_hand(name) else name for name in DIAGNOSTICS.names()
    )


def _values(name: str, compute: Callable[[], _Computed]) -> list[MetricValue]:
    try:
        found = compute()
        positions = found if isinstance(found, Mapping) else {math.nan: found}
        return [MetricValue(name, float(v), float(at)) for at, v in positions.items()]
    except NoAnswerError as error:
        return [MetricValue(name, math.nan, status="skipped", error=str(error))]
    except Rep4ExBenchError as error:
        return [_failed(name, str(error), error)]
    except Exception as error:
        return [_failed(name, f"{type(error).__name__}: {error}", error)]


def _failed(name: str, message: str, error: Exception) -> MetricValue:
    return MetricValue(name, math.nan, status="failed", error=message, trace=trace_of(error))


def _metric(one: str | Metric, evaluation: Evaluation) -> _Computed:
    return (get_metric(one) if isinstance(one, str) else one).compute(evaluation)


def _diagnostic(one: str | Diagnostic, evaluation: Evaluation) -> _Computed:
    return (_built(one) if isinstance(one, str) else one).compute(evaluation)


def _built(name: str) -> Diagnostic:
    return build(DIAGNOSTICS.get(name), {})


def from_predictions(metrics: Iterable[str]) -> list[str]:
    """Return those of the names whose metric predictions and truth alone determine."""
    return [name for name in metrics if not _asks_method(name)]


def _asks_method(name: str) -> bool:
    try:
        return get_metric(name).asks_method
    except UsageError:  # no metric that is known here
        return True
