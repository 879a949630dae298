"""Tables as people read them: three significant digits, roles marked, what fits beside each other.

The leaderboard has a layout of its own, other tables are shown column by column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rep4ex_bench.boards.columns import further_metrics
from rep4ex_bench.boards.groups import named
from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.grids import TUNED

_ABSENT = "\N{EN DASH}"


@dataclass(frozen=True)
class Shown:
    """A table as text.

    Attributes:
        headings: of the columns.
        numbers: for each column, whether it holds numbers.
        rows: plain text, one line a cell.
        strong: row numbers of those to be set in bold.
        strong_column: the column that is, in these rows.
        groups: row numbers that begin another scenario or role.
    """

    headings: list[str]
    numbers: list[bool]
    rows: list[list[str]]
    strong: frozenset[int] = frozenset()
    strong_column: int = 0
    groups: frozenset[int] = frozenset()


def one_line(text: str) -> str:
    """Return a label, which may hold anything, as one line of characters that can be printed."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def marked(label: str, role: str) -> str:
    """Return the label of a method with its role, where it does not compete as given."""
    return named(one_line(label), role)


def leaderboard_shown(board: pd.DataFrame, records: pd.DataFrame) -> Shown:
    """Return the leaderboard of all scenarios; the best that is no oracle in bold.

    Tuned methods have a best of their own. In a scenario that ranks nobody, and among errors that
    are infinite, none is.
    """
    metrics = further_metrics(records)
    with_interval = bool(board["nmse_outside_low"].notna().any())
    error = "nMSE outside [95 % interval]" if with_interval else "nMSE outside"
    headings = ["Scenario", "Method", "Rank", "Cells", error]
    headings += [*(column.heading for column in metrics), "Fit (s)"]
    rows, strong, groups = [], set(), set()
    previous: tuple[str, str] = ("", "")
    best = _best(board)
    for number, row in enumerate(board.to_dict("records")):
        place = (str(row["scenario_label"]), str(row["role"]))
        if number and place != previous:
            groups.add(number)
        scenario = "" if number and place[0] == previous[0] else one_line(place[0])
        previous = place
        if _is_best(row, best):
            strong.add(number)
        rows.append(
            [
                scenario,
                marked(str(row["method_label"]), place[1]),
                "" if pd.isna(row["rank"]) else str(row["rank"]),
                _ABSENT if row["left_out"] else f"{row['cells_ok']}/{row['cells']}",
                _with_interval(row),
                *(shown(float(row[column.key])) for column in metrics),
                shown(float(row["fit_seconds"])),
            ]
        )
    numbers = [False, False, *[True] * (len(headings) - 2)]
    return Shown(headings, numbers, rows, frozenset(strong), 4, frozenset(groups))


def _best(board: pd.DataFrame) -> dict[tuple[str, bool], float]:
    """Return the smallest finite median of each scenario that ranks methods, oracles aside.

    Of tuned methods apart from the others: the key says whether they are.
    """
    known = board[(board["role"] != "oracle") & (board["controls"] != "unsolved")]
    best: dict[tuple[str, bool], float] = {}
    for row in known.to_dict("records"):
        value, place = (
            float(row["nmse_outside"]),
            (str(row["scenario_label"]), row["role"] == TUNED),
        )
        if math.isfinite(value):
            best[place] = min(value, best.get(place, math.inf))
    return best


def _is_best(row: Mapping[Any, Any], best: dict[tuple[str, bool], float]) -> bool:
    least = best.get((str(row["scenario_label"]), row["role"] == TUNED))
    return bool(row["role"] != "oracle" and row["nmse_outside"] == least)


def _with_interval(row: Mapping[Any, Any]) -> str:
    middle, low, high = (float(row[f"nmse_outside{end}"]) for end in ("", "_low", "_high"))
    if math.isnan(low):
        return shown(middle)
    return f"{shown(middle)} [{shown(low)}, {shown(high)}]"


def table_shown(table: pd.DataFrame) -> Shown:
    """Return any table, a text for each of its values; methods are marked with their roles."""
    if {"role", "method_label"} <= set(table.columns):
        labels = [
            marked(str(label), str(role))
            for label, role in zip(table["method_label"], table["role"], strict=True)
        ]
        table = table.assign(method_label=labels).drop(columns="role")
    columns = [[_text(value) for value in table[name]] for name in table.columns]
    return Shown(
        headings=[one_line(str(name)) for name in table.columns],
        numbers=[_is_number(table[name]) for name in table.columns],
        rows=[list(row) for row in zip(*columns, strict=True)],
    )


def _is_number(column: pd.Series) -> bool:
    kept: bool = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return kept


def _text(value: Any) -> str:
    if isinstance(value, str):
        return one_line(value)
    if pd.isna(value):
        return _ABSENT
    if pd.api.types.is_bool(value):
        return "yes" if value else "no"
    if pd.api.types.is_integer(value):
        return str(value)
    return "∞" if math.isinf(value) else shown(float(value))
