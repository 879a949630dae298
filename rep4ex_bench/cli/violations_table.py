"""The terminal's table of what breaks what."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rep4ex_bench.boards.violations import BreakdownTable


def print_breakdowns(found: BreakdownTable, console: Console) -> None:
    """Print the step of every dial at which each method stops beating the best regression on A."""
    table = Table(
        title=Text("What breaks what: step of the dial", style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("dial", no_wrap=True)
    for method in found.methods:
        table.add_column(Text(method.replace("_", "_\u200b"), overflow="fold"), justify="right")
    for dial, _, cells in found.rows:
        table.add_row(Text(dial), *(Text(cell.text) for cell in cells))
    console.print(table)
    console.print(
        "Median over seeds of the first step at which a method is not better than the best "
        "regression on A; 0 where everything holds, never: at no step.",
        highlight=False,
    )
