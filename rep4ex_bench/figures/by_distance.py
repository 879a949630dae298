"""Error over the distance from the support: a curve a method, with the spread of its seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from rep4ex_bench.boards.distances import curve_spread
from rep4ex_bench.boards.numbers import log_range, shown
from rep4ex_bench.boards.report.appearance import Appearance, appearances
from rep4ex_bench.figures.drawing import (
    CONSTANT,
    CONSTANT_LINE,
    SUPPORT,
    chosen,
    legend_below,
    line_style,
    name_of,
    panels,
    plain_text,
    short,
    whole_decades,
)
from rep4ex_bench.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# what the legend explains beside the methods, whose labels are any texts
_SUPPORT, _CONSTANT = ("support",), ("constant",)
_BACKGROUND = {_SUPPORT: "training support", _CONSTANT: CONSTANT}


def error_by_distance(results: Results, scenarios: Sequence[str] = ()) -> Figure:
    """Return a figure of the error at each distance: median over seeds, smallest and largest.

    Seeds without a value are left out of a curve, and the legend says how many it has at least,
    where it is fewer than it should. The axis of errors is that of the report: methods whose median
    exceeds it are named above their panel.

    Args:
        results: of a run.
        scenarios: labels of those to draw, a panel each; none means all that have curves.

    Raises:
        UsageError: no curves, no such scenario, or matplotlib is not installed.
    """
    curves = results.curves()
    labels = chosen(curves, scenarios, "errors by distance")
    curves = curves[curves["scenario_label"].isin(labels)]
    drawn = set(curves["method_label"])
    looks = {label: look for label, look in appearances(results.records).items() if label in drawn}
    whole = results.scores()
    whole = whole[whole["scenario_label"].isin(labels)]
    names = {label: name_of(look) + _seeds(label, curves, whole) for label, look in looks.items()}
    figure, axes = panels(labels, [*names.values(), *_BACKGROUND.values()])
    entries: dict[Any, Any] = {}
    for scenario, axis in axes.items():
        spread = curve_spread(curves[curves["scenario_label"] == scenario])
        entries |= _draw(axis, spread, looks, scenario)
    explained: list[tuple[str, Any]] = [(names[label], entries[label]) for label in looks]
    legend_below(figure, [*explained, *((text, entries[key]) for key, text in _BACKGROUND.items())])
    return figure


def _seeds(label: str, curves: pd.DataFrame, whole: pd.DataFrame) -> str:
    """Return how many seeds a curve is made of, "" where it is all that were to be run."""
    own = curves[curves["method_label"] == label]
    cells = whole[(whole["method_label"] == label) & whole["value"].notna()]
    found = own.groupby("scenario_label")["seed"].nunique()
    wanted = cells.groupby("scenario_label")["seed"].nunique()
    counts = [(int(found[scenario]), int(wanted[scenario])) for scenario in found.index]
    fewest, many = min(counts, key=lambda count: count[0] - count[1])
    return "" if fewest >= many else f" ({fewest} of {many} seeds)"


def _draw(
    axis: Axes, spread: pd.DataFrame, looks: dict[str, Appearance], scenario: str
) -> dict[Any, Any]:
    """Draw the curves of one scenario; return what the legend shows, by method."""
    far = float(spread["at"].max())
    entries: dict[Any, Any] = {
        _SUPPORT: axis.axvspan(0, min(1.0, far), color=SUPPORT, linewidth=0, zorder=0)
    }
    low, high = log_range(v for v in spread["median"] if math.isfinite(v))
    beyond = []
    # bands that lie on each other are to leave the lines in sight
    faint = min(0.15, 0.5 / spread["method_label"].nunique())
    for label, rows in spread.groupby("method_label", sort=False):
        look = looks[str(label)]
        style = line_style(look)
        (entries[label],) = axis.plot(rows["at"], rows["median"], **style, zorder=3)
        axis.fill_between(
            rows["at"], rows["low"], rows["high"], color=style["color"], alpha=faint, linewidth=0
        )
        top = rows["median"].max()
        if top > high:
            beyond.append(f"{short(str(label))} up to {shown(top)}")
    entries[_CONSTANT] = axis.axhline(1.0, **CONSTANT_LINE)
    whole_decades(axis, "y", (low, high))
    axis.set(
        xlim=(0.0, far if far > 0 else 1.0),
        xlabel="distance from the support (1: its edge)",
        ylabel="squared error / variance of the truth",
    )
    if beyond:
        title = axis.set_title("", loc="left", fontsize="small")
        plain_text(title, "\n".join([short(scenario), f"beyond the axis: {'; '.join(beyond)}"]))
    return entries
