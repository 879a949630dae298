"""The leaderboard as a figure: one dot a seed, the median marked, best method on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rep4ex_bench.boards.numbers import log_range
from rep4ex_bench.boards.report.appearance import Appearance, appearances
from rep4ex_bench.figures.drawing import (
    CONSTANT,
    CONSTANT_LINE,
    GREY,
    chosen,
    legend_below,
    marker_style,
    name_of,
    new_figure,
    plain_text,
    short,
    tidy,
    whole_decades,
)
from rep4ex_bench.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 6.5  # inches
_ROW, _AROUND = 0.24, 0.75  # inches: of a method, and of title and axis
_FAILED: dict[str, Any] = {"marker": "x", "color": "#b00020", "markersize": 5}


def seed_strips(results: Results, scenarios: Sequence[str] = ()) -> Figure:
    """Return a figure of nmse_outside by method, in the order of the leaderboard.

    Seeds that failed or are missing stand as crosses at the right edge, values beyond the axis of
    the report as arrows at its ends. Methods that are left out have no row.

    Args:
        results: of a run.
        scenarios: labels of those to draw, a panel each; none means all.

    Raises:
        UsageError: no cells, no such scenario, or matplotlib is not installed.
    """
    board = results.leaderboard()
    board = board[board["left_out"] == ""]
    labels = chosen(board, scenarios, "results")
    scores = results.scores()
    looks = appearances(results.records)
    tables = {label: board[board["scenario_label"] == label] for label in labels}
    heights = [len(table) * _ROW + _AROUND for table in tables.values()]
    figure = new_figure(_WIDTH, sum(heights) + 0.4)
    grid = figure.add_gridspec(len(labels), 1, height_ratios=heights)
    entries: dict[str, Any] = {}
    for place, (label, table) in enumerate(tables.items()):
        axis = figure.add_subplot(grid[place, 0])
        plain_text(axis.set_title("", loc="left", fontsize="medium"), short(label))
        entries |= _draw(axis, table, scores[scores["scenario_label"] == label], looks)
    axis.set_xlabel("nMSE outside the support", fontsize="small")
    legend_below(figure, list(entries.items()))
    return figure


def _draw(
    axis: Axes, board: pd.DataFrame, scores: pd.DataFrame, looks: dict[str, Appearance]
) -> dict[str, Any]:
    """Draw one scenario; return what the legend shows, by its text."""
    tidy(axis)
    low, high = log_range(scores["value"].dropna())
    entries: dict[str, Any] = {}
    methods = [str(label) for label in board["method_label"]]
    for row, (label, median) in enumerate(zip(methods, board["nmse_outside"], strict=True)):
        own = scores.loc[scores["method_label"] == label, "value"].dropna().to_numpy(float)
        inside = own[(own >= low) & (own <= high)]
        if low <= median <= high:
            (entries["median"],) = axis.plot(
                median, row, marker="|", markersize=13, color="black", linestyle="none", zorder=5
            )
        (dots,) = axis.plot(
            inside, np.full(len(inside), row), **marker_style(looks[label]), alpha=0.8
        )
        entries.setdefault("one seed", dots)
        entries |= _off_the_axis(axis, own, row, (low, high))
    entries[CONSTANT] = axis.axvline(1.0, **CONSTANT_LINE)
    whole_decades(axis, "x", (low, high))
    axis.set_ylim(len(methods) - 0.4, -0.6)
    axis.set_yticks(range(len(methods)), [name_of(looks[label]) for label in methods])
    for text in axis.get_yticklabels():
        text.set_parse_math(False)
    return entries


def _off_the_axis(
    axis: Axes, values: np.ndarray[Any, np.dtype[np.float64]], row: int, ends: tuple[float, float]
) -> dict[str, Any]:
    """Mark the seeds of a row that failed or lie beyond the ends of the axis."""
    low, high = ends
    found: dict[str, Any] = {}
    common: dict[str, Any] = {"linestyle": "none", "clip_on": False, "zorder": 4}
    # beside the axis, in shares of its width; rows stay in the units of the data
    beside = axis.get_yaxis_transform()
    if np.isinf(values).any():
        (found["failed or missing seed"],) = axis.plot(
            1.03, row, **_FAILED, **common, transform=beside
        )
    arrows: dict[str, Any] = {"color": GREY, "markersize": 5}
    if (np.isfinite(values) & (values > high)).any():
        (found["beyond the axis"],) = axis.plot(
            1.0, row, marker=">", **arrows, **common, transform=beside
        )
    if (values < low).any():
        axis.plot(0.0, row, marker="<", **arrows, **common, transform=beside)
    return found
