"""A comparison in the terminal: what changed, the gravest first, and how much did not."""

from __future__ import annotations

from collections import Counter

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rep4ex_bench.boards.intervals import interval_text
from rep4ex_bench.boards.numbers import shown, spread
from rep4ex_bench.comparison.change import APART, IMPROVEMENT, REGRESSION, SAME, UNDECIDABLE, Change
from rep4ex_bench.comparison.compare import Comparison

_STYLES = {
    REGRESSION: "bold red",
    IMPROVEMENT: "green",
    UNDECIDABLE: "yellow",
    APART: "dim",
    SAME: "",
}


def print_comparison(found: Comparison, console: Console, with_all: bool) -> None:
    """Print a comparison.

    Args:
        found: what `compare_runs` returned.
        console: to print on.
        with_all: whether what did not change is listed too.
    """
    listed = [change for change in found.changes if with_all or change.verdict != SAME]
    if listed:
        console.print(_table(listed))
    for note in found.notes:
        console.print(Text(note))
    for note, count in Counter(change.note for change in found.undecidable).items():
        console.print(Text(f"{count} {note}.", style=_STYLES[UNDECIDABLE]))
    counts = Counter(change.verdict for change in found.changes)
    told = [f"{counts[verdict]} {verdict}" for verdict in _STYLES if counts[verdict]]
    console.print(Text("; ".join(told) or "nothing to compare", style="bold"))


def _table(changes: list[Change]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("verdict", "where", "what", "quantity"):
        table.add_column(heading, overflow="fold")
    for heading in ("A", "B", "B / A", "95 %", "p (Holm)", "counts from"):
        table.add_column(heading, justify="right")
    table.add_column("", overflow="fold")
    for change in changes:
        numbers = [change.before, change.after, change.ratio]
        cells = [
            change.verdict,
            change.place,
            change.name,
            change.quantity,
            *map(shown, numbers),
            _interval(change),
            shown(change.p),
            shown(change.least),
            "" if change.verdict == UNDECIDABLE else change.note,  # it stands below, once
        ]
        table.add_row(*(Text(cell) for cell in cells), style=_STYLES[change.verdict])
    return table


def _interval(change: Change) -> str:
    sample = change.sample
    if sample is None or sample.unit != "seeds":
        return spread(change.low, change.high)
    return interval_text(change.low, change.high, sample.size)
