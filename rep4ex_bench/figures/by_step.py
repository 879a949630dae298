"""Error over the steps of every dial: a panel a dial, a curve a method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rep4ex_bench.boards.numbers import log_range
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.figures.drawing import (
    CONSTANT,
    CONSTANT_LINE,
    legend_below,
    line_style,
    name_of,
    panels,
    whole_decades,
)
from rep4ex_bench.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def error_by_step(results: Results, dials: Sequence[str] = ()) -> Figure:
    """Return a figure of the median error at every step of a broken assumption.

    Args:
        results: of a run.
        dials: those to draw, a panel each; none means all.

    Raises:
        UnknownNameError: no such dial in the run.
        UsageError: no dials at all, or matplotlib is not installed.
    """
    table = results.violations()
    known = [str(dial) for dial in table["dial"].unique()]
    for name in dials:
        if name not in known:
            raise UnknownNameError("dial", name, known)
    if not known:
        raise UsageError("these records have no dials: run the suite violations, for instance")
    drawn = [dial for dial in known if not dials or dial in dials]
    looks = appearances(results.records)
    names = {label: name_of(look) for label, look in looks.items()}
    figure, axes = panels(drawn, [*names.values(), CONSTANT])
    entries = {}
    ends = log_range(v for v in table["nmse_outside"] if math.isfinite(v))
    for dial, axis in axes.items():
        own = table[table["dial"] == dial]
        for label, rows in own.groupby("method_label", sort=False):
            ordered = rows.sort_values("step")
            style = line_style(looks[str(label)])
            (entries[str(label)],) = axis.plot(ordered["step"], ordered["nmse_outside"], **style)
        constant = axis.axhline(1.0, **CONSTANT_LINE)
        whole_decades(axis, "y", ends)
        axis.set(xlabel="step", ylabel="squared error / variance of the truth")
        axis.set_xticks(sorted(own["step"].unique()))
    legend = [(names[label], entries[label]) for label in names if label in entries]
    legend_below(figure, [*legend, (CONSTANT, constant)])
    return figure
