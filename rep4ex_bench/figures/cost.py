"""Error against cost: one point a cell, lower left is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rep4ex_bench.boards.numbers import log_range
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.figures.drawing import (
    CONSTANT,
    CONSTANT_LINE,
    chosen,
    legend_below,
    marker_style,
    name_of,
    panels,
    whole_decades,
)
from rep4ex_bench.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def cost_against_error(results: Results, scenarios: Sequence[str] = ()) -> Figure:
    """Return a figure of nmse_outside against the CPU seconds of fit and prediction.

    Cells that failed have no point.

    Args:
        results: of a run.
        scenarios: labels of those to draw, a panel each; none means all that have points.

    Raises:
        UsageError: no CPU seconds were recorded, no such scenario, or matplotlib is not installed.
    """
    cells = results.scores()
    known = np.isfinite(cells["value"]) & (cells["process_seconds"] > 0)
    cells = cells[known & (cells["status"] == "ok")]
    labels = chosen(cells, scenarios, "CPU seconds beside errors")
    cells = cells[cells["scenario_label"].isin(labels)]
    drawn = set(cells["method_label"])
    looks = {label: look for label, look in appearances(results.records).items() if label in drawn}
    names = {label: name_of(look) for label, look in looks.items()}
    figure, axes = panels(labels, [*names.values(), CONSTANT])
    entries = {}
    for scenario, axis in axes.items():
        own = cells[cells["scenario_label"] == scenario]
        for label, rows in own.groupby("method_label", sort=False):
            style = marker_style(looks[str(label)])
            (entries[str(label)],) = axis.plot(
                rows["process_seconds"], rows["value"], **style, alpha=0.8
            )
        constant = axis.axhline(1.0, **CONSTANT_LINE)
        whole_decades(axis, "x", _decades(own["process_seconds"]))
        axis.xaxis.set_major_formatter("{x:g}")
        whole_decades(axis, "y", log_range(own["value"], floor=0.0, headroom=math.inf))
        axis.set(
            xlabel="CPU time of fit and prediction (s)",
            ylabel="nMSE outside the support",
        )
    legend_below(
        figure, [*((names[label], entries[label]) for label in looks), (CONSTANT, constant)]
    )
    return figure


def _decades(seconds: pd.Series[float]) -> tuple[float, float]:
    """Return the powers of ten around seconds, which they do not touch."""
    low, high = np.log10(seconds.min() / 1.3), np.log10(seconds.max() * 1.3)
    return (10.0 ** math.floor(low), 10.0 ** math.ceil(high))
