"""A shown table as Markdown, and results as the HTML that notebooks display."""

from __future__ import annotations

import re

import pandas as pd
from markupsafe import Markup, escape
from tabulate import tabulate

from rep4ex_bench.boards.report.tables import failures
from rep4ex_bench.results.shown import Shown, leaderboard_shown, one_line

_MOST_FAILURES = 10
# underscores inside a word mean nothing in Markdown
_MEANING = re.compile(r"[\\`*|<>\[\]#~$&]|(?<!\w)_|_(?!\w)")


def markdown_table(table: Shown) -> str:
    """Return a table as GitHub's Markdown."""
    rows = [[_escaped(text) for text in row] for row in table.rows]
    for number in table.strong:
        rows[number][table.strong_column] = f"**{rows[number][table.strong_column]}**"
    headings = [_escaped(heading) for heading in table.headings]
    return _tabulated(rows, headings, table.numbers, "pipe") + "\n"


def _escaped(text: str) -> str:
    return _MEANING.sub(lambda found: f"\\{found[0]}", text)


def results_html(board: pd.DataFrame, records: pd.DataFrame) -> str:
    """Return a compact leaderboard, what was left out, and what failed; labels are escaped."""
    if board.empty:
        return "<p>no finished cells</p>"
    table = leaderboard_shown(board, records)
    rows = [[str(escape(text)) for text in row] for row in table.rows]
    for number in table.strong:
        rows[number][table.strong_column] = f"<b>{rows[number][table.strong_column]}</b>"
    headings = [str(escape(heading)) for heading in table.headings]
    parts = [_tabulated(rows, headings, table.numbers, "unsafehtml")]
    for row in board.to_dict("records"):
        if row["left_out"]:
            words = (row["method_label"], row["scenario_label"], row["left_out"])
            parts.append(Markup("<p>{} in {}: {}</p>").format(*map(one_line, words)))
    unsolved = board.loc[board["controls"] == "unsolved", "scenario_label"].unique()
    for label in unsolved:
        text = Markup("<p>{} is unsolved by its controls: it ranks nobody</p>")
        parts.append(text.format(one_line(str(label))))
    parts += _failures_html(records)
    return "\n".join(parts)


def _failures_html(records: pd.DataFrame) -> list[str]:
    found, more = failures(records)
    if not found:
        return []
    lines = [
        Markup("<li>{} / {} / seeds {}: {} {}: {}</li>").format(
            *map(one_line, (one.scenario, one.method, one.seeds, one.metric, one.status, one.error))
        )
        for one in found[:_MOST_FAILURES]
    ]
    more += len(found) - len(lines)
    if more:
        lines.append(Markup("<li>and {} more</li>").format(more))
    return ["<p>failed:</p>", "<ul>", *lines, "</ul>"]


def _tabulated(rows: list[list[str]], headings: list[str], numbers: list[bool], form: str) -> str:
    text: str = tabulate(
        rows,
        headings,
        tablefmt=form,
        disable_numparse=True,
        colalign=["right" if number else "left" for number in numbers] if rows else None,
    )
    return text
