"""The terminal's tables of one scenario: what ranks, every further scalar metric, costs, cells.

Metrics that do not fit into the width of the terminal are in further tables below the first; where
these would hold nothing but metrics that every run has, they are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from rep4ex_bench.boards.columns import USUAL, MetricColumn
from rep4ex_bench.boards.groups import named
from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.boards.report.ranking_section import error_interval, reach

# Below this many columns the interval and the breakdown are left out; the report has them.
_WIDE = 100
_MEASURED = 100_000  # wider than any table, so that it says what it would take


@dataclass(frozen=True)
class _Column:
    lines: tuple[str, ...]
    cell: Callable[[pd.Series], Text]


def results_tables(
    scenario: str, rows: pd.DataFrame, metrics: list[MetricColumn], console: Console
) -> tuple[list[Table], list[MetricColumn]]:
    """Return the tables of one scenario in the order of printing, and the metrics left out.

    Args:
        scenario: its label.
        rows: of `ranking.leaderboard`, of this scenario.
        metrics: the columns beside nmse_outside; the first table takes as many as fit.
        console: that they are printed on.
    """
    wide = console.width >= _WIDE
    name = _title(scenario, rows.iloc[0])
    before, after = _before(wide), _after(wide)
    waiting = [_metric(column) for column in metrics]
    taken = _most_that_fit(name, rows, before, waiting, after, console)
    tables = [_table(name, rows, [*before, *waiting[:taken], *after], wide)]
    if all(column.metric in USUAL for column in metrics[taken:]):
        return tables, metrics[taken:]
    while waiting := waiting[taken:]:
        name = Text(f"{scenario}, further metrics", style="bold")
        taken = max(1, _most_that_fit(name, rows, [], waiting, [], console))
        tables.append(_table(name, rows, waiting[:taken], wide))
    return tables, []


def _title(scenario: str, first: pd.Series) -> Text:
    """Return what stands above a table: scenario, data, what it breaks, state of its controls."""
    title = Text(f"{scenario}  [{first['data_label']}]", style="bold")
    title.append(f"\n{first['breaks']}; ", style="not bold")
    wrong = first["controls"] == "unsolved"
    return title.append(first["controls"], style="bold red" if wrong else "not bold")


def _most_that_fit(
    name: Text,
    rows: pd.DataFrame,
    before: list[_Column],
    waiting: list[_Column],
    after: list[_Column],
    console: Console,
) -> int:
    """Return how many of the waiting columns fit between others into the console's width."""
    options = console.options.update(max_width=_MEASURED)
    wide = console.width >= _WIDE
    for count in range(len(waiting), 0, -1):
        table = _table(name, rows, [*before, *waiting[:count], *after], wide)
        if Measurement.get(console, options, table).maximum <= console.width:
            return count
    return 0


def _table(name: Text, rows: pd.DataFrame, columns: list[_Column], wide: bool) -> Table:
    table = Table(
        title=name,
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1) if wide else (0, 1, 0, 0),
        pad_edge=False,
    )
    lines = max((len(column.lines) for column in columns), default=1)
    table.add_column(_heading(("method",), lines), no_wrap=True)
    for column in columns:
        table.add_column(_heading(column.lines, lines), justify="right", no_wrap=True)
    previous = "method"
    for _, row in rows.iterrows():
        if row["role"] != previous:
            table.add_section()
        previous = row["role"]
        method = Text(named(str(row["method_label"]), row["role"], int(row["configurations"])))
        table.add_row(method, *(column.cell(row) for column in columns))
    return table


def _heading(lines: tuple[str, ...], most: int) -> Text:
    """Return a heading that stands at the foot of the head of the table."""
    return Text("\n".join([*[""] * (most - len(lines)), *lines]))


def _before(wide: bool) -> list[_Column]:
    found = [_Column(("nMSE", "outside"), _outside)]
    if wide:
        found.append(_Column(("95 % interval", "of the median"), _interval))
    return found


def _after(wide: bool) -> list[_Column]:
    found = [_Column(("fit", "seconds"), lambda row: Text(shown(row["fit_seconds"])))]
    if wide:
        found.append(_Column(("beats OLS", "up to"), lambda row: Text(reach(row["breakdown_ols"]))))
    return [*found, _Column(("cells",), _cells)]


def _metric(column: MetricColumn) -> _Column:
    return _Column(column.lines, lambda row: Text(shown(row[column.key])))


def _outside(row: pd.Series) -> Text:
    return Text(shown(row["nmse_outside"]) + ("*" if row["on_front"] else " "))


def _interval(row: pd.Series) -> Text:
    return Text(error_interval(row))


def _cells(row: pd.Series) -> Text:
    if row["left_out"]:
        return Text("\N{EN DASH}")
    style = "" if row["cells_ok"] == row["cells"] else "bold red"
    return Text(f"{row['cells_ok']}/{row['cells']}", style=style)
