"""Contract: a `Metric` turns what a fitted method answers into numbers, against truth it never saw.

Metrics live in `metrics/`, one a file; a third party's live in its own package (entry-point group
``rep4ex_bench.metrics``).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import PluginError, Rep4ExBenchError
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.records.kinds import DIAGNOSTIC
from rep4ex_bench.scenario import Task


@dataclass(frozen=True)
class MetricValue:
    """One value; `at` is its position on the metric's axis (a distance), NaN for a scalar.

    `trace` is the traceback of what was raised instead, as text.
    """

    metric: str
    value: float
    at: float = math.nan
    status: str = "ok"
    error: str = ""
    trace: str = ""


@dataclass(frozen=True)
class Evaluation:
    """What metrics are computed from.

    Attributes:
        task: with its oracle.
        fitted: the method after fit.
        prediction: shape (q,), for all queries of the task, path included.
        seed: of fresh data; the same for every method.
    """

    task: Task
    fitted: FittedMethod
    prediction: FloatArray
    seed: int


class NoAnswerError(Rep4ExBenchError):
    """Raised by `Metric.compute` where there is nothing to judge; the message says why."""


class Metric(Parameterised, ABC):
    """A number, or one at each position of an axis.

    Class attributes:
        name: registered name, as it stands in suites and records.
        title: a few words.
        heading: at most ten characters, for a column of a table.
        unit: of the value, "" for a share or a ratio.
        axis: what the values lie along, "" for a scalar.
        better: "lower" or "higher".
        best: the value of a perfect method; how far a value is from it is its error.
        asks_method: whether the fitted method is asked anything. A metric of predictions and truth
            alone can be computed again from the predictions that a submission holds.
    """

    title: ClassVar[str] = ""
    heading: ClassVar[str] = ""
    unit: ClassVar[str] = ""
    axis: ClassVar[str] = ""
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    best: ClassVar[float] = 0.0
    asks_method: ClassVar[bool] = True

    @classmethod
    def check_declarations(cls) -> None:
        """Raise `PluginError` for a name that records could not tell from a diagnostic's."""
        if cls.name.startswith(DIAGNOSTIC):
            raise PluginError(
                f"a metric's name may not begin with {DIAGNOSTIC!r}, got {cls.name!r}: choose "
                "another name, or derive from Diagnostic"
            )

    @abstractmethod
    def compute(self, evaluation: Evaluation) -> float | Mapping[float, float]:
        """Return the value, or the values by their position on the axis.

        Raises:
            NoAnswerError: there is nothing to judge (no code, no true latents): "skipped".
            Exception: anything else is recorded as a failure of this metric.
        """

    @classmethod
    def error_name(cls) -> str:
        """Return how the error of a scalar metric is called: "1 - affine_r2"."""
        return cls.name if cls.best == 0 else f"{cls.best:g} - {cls.name}"
