"""Columns of metrics: every scalar metric that records hold has one in every table of results.

A metric that is not installed here has its name as heading.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from rep4ex_bench.metric import Metric
from rep4ex_bench.records.kinds import DIAGNOSTIC
from rep4ex_bench.registry import METRICS

RANKED = "nmse_outside"
# Of every run that names no metrics, in this order; others come in the order of the records.
USUAL = ("nmse_inside", "affine_r2", "affine_r2_do")
# What `ranking.leaderboard` calls its other columns; a metric of such a name is called otherwise.
OTHER_COLUMNS = frozenset(
    (
        *("scenario_label", "data_label", "method_label", "role", "rank", "left_out", "on_front"),
        "configurations",
        *("cells", "cells_ok", "cells_missing", "fit_seconds", "cost_seconds"),
        *("nmse_outside_min", "nmse_outside_max", "nmse_outside_low", "nmse_outside_high"),
        *("breakdown_ols", "breakdown_ols_low", "breakdown_ols_high"),
        *(
            "breakdown_mean",
            "breakdown_mean_low",
            "breakdown_mean_high",
            "controls",
            "breaks",
            "one_table",
        ),
    )
)


@dataclass(frozen=True)
class MetricColumn:
    """The column of one scalar metric.

    Attributes:
        metric: its name in the records.
        lines: of its heading.
        meaning: what it is, in which unit, and which way is better.
    """

    metric: str
    lines: tuple[str, ...]
    meaning: str

    @property
    def key(self) -> str:
        """Name of the column in `ranking.leaderboard`."""
        return f"metric {self.metric}" if self.metric in OTHER_COLUMNS else self.metric

    @property
    def heading(self) -> str:
        """Heading in one line."""
        return " ".join(self.lines)


def further_metrics(records: pd.DataFrame) -> list[MetricColumn]:
    """Return the columns of the scalar metrics of records, all but `nmse_outside`.

    Args:
        records: of a run, or of a scenario of it; may be empty.
    """
    if records.empty:
        return []
    positions = records.groupby("metric", sort=False)["at"].count()
    present = {str(name): int(count) for name, count in positions.items()}
    names = [name for name in USUAL if name in present]
    names += [name for name in present if name not in ("", RANKED, *USUAL)]
    names = [name for name in names if not name.startswith(DIAGNOSTIC)]
    found = []
    for name in names:
        metric = METRICS.known(name)
        scalar = present[name] == 0 if metric is None else not metric.axis
        if scalar:
            found.append(column_of(name, metric))
    return found


def column_of(name: str, metric: type[Metric] | None) -> MetricColumn:
    """Return the column of a metric, which is None where it is not known here."""
    if metric is None:
        return MetricColumn(name, (name,), "a metric that is not installed here")
    best = f"{metric.best:g} is best" if metric.best != 0 else f"{metric.better} is better"
    unit = f", in {metric.unit}" if metric.unit else ""
    lines = tuple(metric.heading.splitlines()) or (name,)
    return MetricColumn(name, lines, f"{metric.title or name}{unit}; {best}")
