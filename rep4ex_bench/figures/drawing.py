"""What figures share: panels of scenarios, looks of methods, a legend outside of the data.

Colours, symbols and dashes are those of the report (`boards/report/appearance.py`). Labels are the
user's: none is read as mathematics, and none is dropped, whatever it begins with.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from rep4ex_bench.boards.groups import RANKED_GROUPS
from rep4ex_bench.boards.report.appearance import LIGHT_COLOURS, Appearance
from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.results.shown import marked, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

GREY = "#6b6b6b"
CONSTANT = "error = variance of the truth"
SUPPORT = "#e9e9e9"
CONSTANT_LINE: dict[str, Any] = {
    "color": GREY,
    "linewidth": 0.8,
    "linestyle": ":",
    "zorder": 1.5,
}
_MARKERS = {
    "circle": "o",
    "square": "s",
    "triangle": "^",
    "diamond": "D",
    "cross": "P",
    "star": "*",
    "wye": "v",
    "hexagon": "h",
}
_LONGEST_LABEL = 40
_COLUMNS = 3
_PANEL = (3.4, 2.7)  # inches
_LEGEND_LINE = 0.24  # inches
_LETTER = 0.075  # inches, about


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError(
            "figures need matplotlib, which is not installed: pip install 'rep4ex-bench[figures]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def chosen(table: pd.DataFrame, scenarios: Sequence[str], what: str) -> list[str]:
    """Return the labels of the scenarios to draw, in the order of the table; none named means all.

    Raises:
        UnknownNameError: a scenario that the table does not have.
        UsageError: the table has nothing to draw.
    """
    known = [str(label) for label in table["scenario_label"].unique()]
    for name in scenarios:
        if name not in known:
            raise UnknownNameError(f"scenario with {what}", name, known)
    if not known:
        raise UsageError(f"these records have no {what}: there is nothing to draw")
    return [label for label in known if not scenarios or label in scenarios]


def panels(scenarios: list[str], legend: list[str]) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel a scenario, by label, and room for a legend of these texts."""
    columns = min(_COLUMNS, len(scenarios))
    rows = math.ceil(len(scenarios) / columns)
    width = columns * _PANEL[0] + 0.6
    lines = math.ceil(len(legend) / legend_columns(legend, width))
    figure = new_figure(width, rows * _PANEL[1] + lines * _LEGEND_LINE + 0.2)
    axes = {
        label: figure.add_subplot(rows, columns, place + 1) for place, label in enumerate(scenarios)
    }
    for label, axis in axes.items():
        plain_text(axis.set_title("", loc="left", fontsize="medium"), short(label))
        tidy(axis)
    return figure, axes


def tidy(axis: Axes) -> None:
    """Take away what is no data."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color=SUPPORT, linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize="small")
    for scale in (axis.xaxis, axis.yaxis):
        scale.label.set_fontsize("small")


def whole_decades(axes: Axes, which: Literal["x", "y"], ends: tuple[float, float]) -> None:
    """Make an axis logarithmic between these ends, with numbers at the powers of ten alone."""
    axes.set(**{f"{which}scale": "log", f"{which}lim": ends})
    (axes.xaxis if which == "x" else axes.yaxis).set_minor_formatter("")


def short(label: str) -> str:
    """Return a label as one line that is not too long."""
    return (
        textwrap.shorten(one_line(label), _LONGEST_LABEL, placeholder="…")
        or one_line(label)[:_LONGEST_LABEL]
    )


def name_of(look: Appearance) -> str:
    """Return the label of a method, its role marked."""
    return marked(short(look.label), look.role)


def plain_text(text: Text, content: str) -> None:
    """Write a label as it stands: "$" begins no formula."""
    text.set_parse_math(False)
    text.set_text(content)


def line_style(look: Appearance) -> dict[str, Any]:
    """Return colour and dashes of a method: oracles dashed, controls dotted."""
    dashes = tuple(float(length) / 2 for length in look.dash.split())
    return {
        "color": LIGHT_COLOURS[look.colour],
        "linestyle": (0, dashes) if dashes else "-",
        "linewidth": 1.5,
    }


def marker_style(look: Appearance) -> dict[str, Any]:
    """Return symbol and colour of a method's points: those of oracles and controls are hollow."""
    colour = LIGHT_COLOURS[look.colour]
    return {
        "marker": _MARKERS[look.symbol],
        "linestyle": "none",
        "markeredgecolor": colour,
        "markerfacecolor": colour if look.role in RANKED_GROUPS else "none",
        "markersize": 4.5,
    }


def legend_columns(labels: list[str], width: float) -> int:
    """Return how many entries of a legend stand beside each other in so many inches."""
    longest = max((len(label) for label in labels), default=1) * _LETTER + 0.6
    return max(1, min(len(labels), int(width / longest)))


def legend_below(figure: Figure, entries: list[tuple[str, Any]]) -> None:
    """Draw a legend below all panels, from texts and the artists that they explain."""
    labels = [label for label, _ in entries]
    legend = figure.legend(
        [artist for _, artist in entries],
        # the library leaves out entries whose text begins with "_": theirs comes afterwards
        ["x"] * len(entries),
        loc="outside lower center",
        ncols=legend_columns(labels, figure.get_figwidth()),
        frameon=False,
        fontsize="small",
        handlelength=2.6,
    )
    for text, label in zip(legend.get_texts(), labels, strict=True):
        plain_text(text, label)
