"""What the terminal shows of diagnostics: a table a scenario, more where one would be too wide."""

from __future__ import annotations

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from rep4ex_bench.boards.diagnostics import DiagnosticTable, diagnostic_tables

_MEASURED = 100_000  # wider than any table, so that it says what it would take


def print_diagnostics(records: pd.DataFrame, console: Console) -> None:
    """Print the medians over seeds of every diagnostic that the records hold."""
    tables = diagnostic_tables(records)
    if not tables:
        console.print("no diagnostics: no method of the run has anything to say about its fit")
        return
    for table in tables:
        first = 0
        while first < len(table.headings):
            count = _most_that_fit(table, first, console)
            console.print(_printed(table, first, first + count))
            first += count
    console.print("Diagnostics are what methods say of their own fits. They rank nobody.")


def _most_that_fit(table: DiagnosticTable, first: int, console: Console) -> int:
    options = console.options.update(max_width=_MEASURED)
    for count in range(len(table.headings) - first, 1, -1):
        printed = _printed(table, first, first + count)
        if Measurement.get(console, options, printed).maximum <= console.width:
            return count
    return 1


def _printed(table: DiagnosticTable, first: int, last: int) -> Table:
    """Return the columns from the first up to the last, which is left out."""
    made = Table(
        title=Text(f"{table.scenario}\n{table.caption}.", style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    headings = table.headings[first:last]
    lines = max(len(heading) for heading in headings)
    for heading in [("method",), *headings]:
        made.add_column(
            Text("\n".join([*[""] * (lines - len(heading)), *heading])),
            justify="left" if heading == ("method",) else "right",
            no_wrap=True,
        )
    for label, values in table.rows:
        made.add_row(Text(label), *(Text(value.text) for value in values[first:last]))
    return made
