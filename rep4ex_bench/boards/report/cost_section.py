"""What `templates/cost.html.j2` shows: seconds and memory to reach an error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rep4ex_bench.boards.groups import GROUPS
from rep4ex_bench.boards.intervals import interval_text
from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.boards.ranking.cost import LEVELS, cost_table
from rep4ex_bench.boards.report.appearance import Appearance
from rep4ex_bench.boards.report.tables import Cell
from rep4ex_bench.boards.units import shown_bytes

NEVER = "never"


@dataclass(frozen=True)
class Level:
    """What one method needs for one level of error; `detail` has seeds and interval."""

    expected: Cell
    detail: str


@dataclass(frozen=True)
class CostRow:
    """One method in one scenario."""

    looks: Appearance
    levels: list[Level]
    memory: Cell


@dataclass(frozen=True)
class CostBoard:
    """One scenario; methods first, then tuned ones, oracles and controls."""

    scenario: str
    groups: list[tuple[str, list[CostRow]]]


def cost_boards(records: pd.DataFrame, looks: dict[str, Appearance]) -> list[CostBoard]:
    """Return a board per scenario, or none where no CPU seconds were recorded."""
    if records.empty or records["process_seconds"].isna().all():
        return []
    found = []
    for scenario, rows in cost_table(records).groupby("scenario_label", sort=False):
        groups: dict[str, list[CostRow]] = {}
        by_method = dict(list(rows.groupby("method_label", sort=False)))
        for role in GROUPS:
            own = [
                _row(looks[str(m)], r) for m, r in by_method.items() if r["role"].iloc[0] == role
            ]
            if own:
                groups[role] = own
        found.append(CostBoard(str(scenario), list(groups.items())))
    return found


def level_titles() -> list[str]:
    """Return the headings of the levels."""
    return [f"nMSE ≤ {level:g}" for level in LEVELS]


def _row(looks: Appearance, rows: pd.DataFrame) -> CostRow:
    entries = rows.to_dict("records")
    # Memory does not depend on the level that a seed happens to reach: the least strict one.
    memory = float(entries[0]["memory_bytes"])
    return CostRow(
        looks=looks,
        levels=[_level(entry) for entry in entries],
        memory=Cell(shown_bytes(memory), "" if math.isnan(memory) else repr(memory)),
    )


def _level(entry: dict[Any, Any]) -> Level:
    expected = float(entry["expected_seconds"])
    share = f"{entry['reached']}/{entry['seeds']} seeds"
    if math.isinf(expected):
        return Level(Cell(NEVER, ""), share)
    if math.isnan(expected):
        return Level(Cell(shown(expected), ""), share)
    interval = interval_text(entry["seconds_low"], entry["seconds_high"], entry["reached"])
    return Level(Cell(f"{shown(expected)} s", repr(expected)), f"{share}; 95 %: {interval}")
