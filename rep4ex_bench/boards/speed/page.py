"""The speed board as one HTML file that loads nothing, in the style of the reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rep4ex_bench.boards.intervals import interval_text
from rep4ex_bench.boards.numbers import shown, spread
from rep4ex_bench.boards.report import tables
from rep4ex_bench.boards.report.appearance import Appearance, appearances
from rep4ex_bench.boards.report.embedding import embedded_json
from rep4ex_bench.boards.report.page import FIGURE_LIBRARIES, figure_scripts, page_context, template
from rep4ex_bench.boards.report.tables import Cell
from rep4ex_bench.boards.speed.bars import HEIGHT, WIDTH, Bar, BarAxis
from rep4ex_bench.boards.speed.behind import behind
from rep4ex_bench.boards.speed.failures import failures
from rep4ex_bench.boards.speed.figures import figures
from rep4ex_bench.boards.speed.overview import overview
from rep4ex_bench.boards.speed.scaling import scaling_table
from rep4ex_bench.boards.speed.summary import REFERENCE, SpeedSummary, summarise
from rep4ex_bench.boards.speed.words import (
    calibration_text,
    clock_text,
    drift_text,
    rank_text,
    resolution_text,
    speedup_text,
)
from rep4ex_bench.boards.speed.workloads import Workload, contender_rows
from rep4ex_bench.boards.units import shown_bytes, shown_seconds
from rep4ex_bench.files import write_bytes

_TITLE = "Speed of the kernels"
_LONGEST_MESSAGE = 300  # in the table of a workload; the table of failures has all of it
_SHOWN = {
    "seconds": shown_seconds,
    "over_floor": shown,
    "ns_per_pair": shown,
    "peak_extra_bytes": shown_bytes,
    "value_error": shown,
    "gradient_error": shown,
    "first_call_seconds": shown_seconds,
    "wall_seconds": shown_seconds,
}


@dataclass(frozen=True)
class Row:
    """One contender at one workload; `values` is empty where it is not ranked."""

    looks: Appearance
    state: str
    message: str
    rank: str
    speedup: Cell
    interval: str
    quantiles: str
    bar: Bar | None
    values: dict[str, Cell]


@dataclass(frozen=True)
class Board:
    """The table of one workload."""

    label: str
    one: float
    floor: str
    resolution: str
    rounds: str
    ranked: list[Row]
    apart: list[Row]


def render_speed_board(
    records: pd.DataFrame,
    title: str = _TITLE,
    reference: str = REFERENCE,
    reasons: Mapping[str, str] | None = None,
) -> str:
    """Return the speed board as one HTML file that works without a network.

    Args:
        records: of a run of kernel measurements; may be empty.
        title: of the page.
        reference: label of the contender that speed-ups refer to.
        reasons: as of `behind`.

    Raises:
        RecordsError: records of something else.
    """
    summary = summarise(records, reference)
    looks = appearances(contender_rows(records))
    context = page_context(figure_scripts("speed_figures.js"), FIGURE_LIBRARIES) | {
        "title": title,
        "summary": tables.summary(contender_rows(records)),
        "provenance": tables.provenance(records),
        "reference": reference,
        "clock": clock_text(summary),
        "ops": _ops(summary, looks),
        "overview": overview(summary.table).to_dict("records"),
        "failures": failures(summary.table),
        "behind": behind(summary.table, reasons),
        "scaling_rows": scaling_table(summary).to_dict("records"),
        "looks": looks,
        "estimates": _estimates(summary),
        "calibration": [
            (device, calibration_text(metric), shown(value))
            for device, metric, value in summary.calibration
        ],
        "resolution": resolution_text(summary),
        "drift": [(drift_text(each), each.alarm) for each in summary.drift.values()],
        "drawn": (drawn := figures(summary, looks)),
        "data": embedded_json(drawn),
        "bar_width": WIDTH,
        "bar_height": HEIGHT,
        "shown": shown,
        "spread": spread,
    }
    return template("speed_board.html.j2").render(context)


def write_speed_board(
    path: Path,
    records: pd.DataFrame,
    title: str = _TITLE,
    reference: str = REFERENCE,
    reasons: Mapping[str, str] | None = None,
) -> None:
    """Write the speed board atomically; arguments as of `render_speed_board`.

    Raises:
        RecordsError: records of something else.
        OutputWriteError: the disk is full or the folder cannot be written.
    """
    page = render_speed_board(records, title, reference, reasons)
    write_bytes(page.encode(errors="replace"), path)


def _ops(summary: SpeedSummary, looks: dict[str, Appearance]) -> list[tuple[str, list[Board]]]:
    """Return the boards of every op, in the order of the records."""
    found: dict[str, list[Board]] = {}
    for workload, rows in summary.boards:
        found.setdefault(workload.op, []).append(_board(workload, rows, looks, summary.reference))
    return list(found.items())


def _board(
    workload: Workload, rows: pd.DataFrame, looks: dict[str, Appearance], reference: str
) -> Board:
    axis = BarAxis(rows)
    made = [_row(row, looks[row["contender"]], axis, reference) for row in rows.to_dict("records")]
    counts = sorted({int(count) for count in rows.loc[rows["state"] == "ok", "rounds"]})
    first = rows.iloc[0]
    return Board(
        label=workload.label,
        one=axis.one,
        floor=shown_seconds(first["floor_seconds"]),
        resolution=shown(first["resolution"]),
        rounds=" to ".join(str(count) for count in dict.fromkeys([*counts[:1], *counts[-1:]])),
        ranked=[row for row in made if row.state == "ok"],
        apart=[row for row in made if row.state != "ok"],
    )


def _row(row: dict[Any, Any], looks: Appearance, axis: BarAxis, reference: str) -> Row:
    interval = (row["speedup_low"], row["speedup_high"])
    itself = row["contender"] == reference or math.isnan(row["speedup"])
    told = "" if itself else interval_text(*interval, row["rounds"], "rounds")
    return Row(
        looks=looks,
        state=row["state"],
        message=row["message"][:_LONGEST_MESSAGE],
        rank=rank_text(row),
        speedup=_cell(row["speedup"], speedup_text(row)),
        interval=told,
        quantiles=f"{shown_seconds(row['seconds_low'])} to {shown_seconds(row['seconds_high'])}",
        bar=axis.bar(row["speedup"], *interval),
        values={name: _cell(row[name], words(row[name])) for name, words in _SHOWN.items()},
    )


def _cell(value: float, text: str) -> Cell:
    return Cell(text, "" if math.isnan(value) else repr(float(value)))


def _estimates(summary: SpeedSummary) -> list[tuple[str, str, str]]:
    """Return (label, estimated time, time measured in this run or a dash)."""
    measured = summary.estimated_contender_seconds
    return [
        (label, shown_seconds(seconds), shown_seconds(measured.get(label, math.nan)))
        for label, seconds in summary.estimates
    ]
