"""The speed board in the terminal: one table per workload, then what the run as a whole says."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rep4ex_bench.boards.intervals import interval_text
from rep4ex_bench.boards.numbers import shown, spread
from rep4ex_bench.boards.speed.behind import behind
from rep4ex_bench.boards.speed.overview import overview
from rep4ex_bench.boards.speed.scaling import scaling_table
from rep4ex_bench.boards.speed.summary import REFERENCE, SpeedSummary, summarise
from rep4ex_bench.boards.speed.words import (
    clock_text,
    drift_text,
    rank_text,
    resolution_text,
    speedup_text,
)
from rep4ex_bench.boards.speed.workloads import Workload
from rep4ex_bench.boards.units import shown_bytes, shown_seconds

# Below this many columns the gradient's error, ns a pair, first call and wall time are left out.
_WIDE = 110
_LONGEST_MESSAGE = 200
_LONGEST_NAME = 20
_QUIET = "dim"

Row = dict[Hashable, Any]


def print_speed_board(records: pd.DataFrame, console: Console, reference: str = REFERENCE) -> None:
    """Print the speed board of a run.

    Args:
        records: of a run of kernel measurements.
        console: to print on; tables fit 80 columns.
        reference: label of the contender that speed-ups refer to.

    Raises:
        RecordsError: records of something else.
    """
    summary = summarise(records, reference)
    if not summary.workloads:
        console.print("no measured workloads")
    for workload, rows in summary.boards:
        console.print(_board(workload, rows, reference, console.width >= _WIDE))
        for row in rows[rows["state"] != "ok"].to_dict("records"):
            message = f"  {row['contender']}: {row['state']}. {row['message']}".rstrip()
            if _style(row["state"]) == _QUIET:  # why something failed is said whole
                message = message[:_LONGEST_MESSAGE]
            console.print(Text(message, style=_style(row["state"])))
    if summary.workloads:
        _print_scaling(summary, console)
        console.print(_overview(summary.table))
        for row in behind(summary.table):
            console.print(
                Text(
                    f"Not led by ours: {row['workload']}: {row['first']} first, "
                    f"{row['ours'] or 'none of ours measured'} {shown(row['ratio'])}x behind."
                )
            )
        _print_notes(summary, console)
    if summary.estimates:
        console.print(_estimates(summary.estimates))


def _plain_table(title: str) -> Table:
    return Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def _names(table: Table) -> None:
    table.add_column("\ncontender", max_width=_LONGEST_NAME, overflow="fold")


def _numbers(table: Table, *headings: str) -> None:
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)


def _board(workload: Workload, rows: pd.DataFrame, reference: str, wide: bool) -> Table:
    table = _plain_table(workload.label)
    table.add_column("\n#", no_wrap=True)
    _names(table)
    _numbers(table, "median\ntime", "speed-\nup", "95 %\ninterval", "over\nfloor")
    _numbers(table, "extra\nmemory", "value\nerror")
    if wide:
        _numbers(table, "gradient\nerror", "ns a\npair", "first\ncall", "wall\ntime")
    for row in rows[rows["state"] == "ok"].to_dict("records"):
        cells = [
            rank_text(row),
            str(row["contender"]),
            shown_seconds(row["seconds"]),
            speedup_text(row),
            _interval(row, reference),
            shown(row["over_floor"]),
            shown_bytes(row["peak_extra_bytes"]),
            shown(row["value_error"]),
        ]
        if wide:
            cells += [
                shown(row["gradient_error"]),
                shown(row["ns_per_pair"]),
                shown_seconds(row["first_call_seconds"]),
                shown_seconds(row["wall_seconds"]),
            ]
        table.add_row(*map(Text, cells))
    return table


def _interval(row: Row, reference: str) -> str:
    if row["contender"] == reference or math.isnan(row["speedup"]):
        return ""
    return interval_text(row["speedup_low"], row["speedup_high"], row["rounds"], "rounds")


def _style(state: str) -> str:
    return _QUIET if state in ("skipped", "missing") else "bold red"


def _overview(table: pd.DataFrame) -> Table:
    printed = _plain_table("All workloads")
    _names(printed)
    _numbers(printed, "\nfirst", "first,\nshared", "not\nfirst", "wrong\nresult", "not\nmeasured")
    _numbers(printed, "behind the\nfastest")
    for row in overview(table).to_dict("records"):
        counts = [row[c] for c in ("first", "shared_first", "not_first", "wrong", "others")]
        behind = shown(row["behind"]) + ("x" if row["ok"] else "")
        printed.add_row(Text(str(row["contender"])), *map(str, counts), behind)
    return printed


def _print_scaling(summary: SpeedSummary, console: Console) -> None:
    found = scaling_table(summary)
    for family, rows in found.groupby("family", sort=False) if len(found) else ():
        table = _plain_table(f"Growth with n: {family}")
        _names(table)
        _numbers(table, "\nsizes", "\ntime", "95 %\ninterval", "last\nstep")
        _numbers(table, "\nmemory", "95 %\ninterval", "last\nstep")
        for row in rows.to_dict("records"):
            table.add_row(
                Text(str(row["contender"])),
                f"{row['sizes']}",
                *(
                    text
                    for name in ("time", "memory")
                    for text in (
                        shown(row[f"{name}_exponent"]),
                        spread(row[f"{name}_low"], row[f"{name}_high"]),
                        shown(row[f"{name}_last"]),
                    )
                ),
            )
        console.print(table)


def _estimates(estimates: list[tuple[str, float]]) -> Table:
    table = _plain_table("Estimates by a static cost model: not measured, not ranked")
    table.add_column("workload")
    _numbers(table, "estimated time")
    for label, seconds in estimates:
        table.add_row(Text(label), shown_seconds(seconds))
    return table


def _print_notes(summary: SpeedSummary, console: Console) -> None:
    notes = [
        f"Median {clock_text(summary)} of one call. Speed-up: {summary.reference}'s time over the "
        "contender's, by round. Rank: 1 + contenders that are certainly faster; = shared, ≈ not "
        "told from 1.",
        resolution_text(summary),
        *(drift_text(drift) for drift in summary.drift.values()),
    ]
    alarms = [drift.alarm for drift in summary.drift.values()]
    for note in notes:
        console.print(Text(note))
    if any(alarms):
        console.print(Text("Drift alarm: see above.", style="bold red"))
