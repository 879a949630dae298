"""What `templates/ranking.html.j2` shows."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rep4ex_bench.boards.groups import RANKED_GROUPS
from rep4ex_bench.boards.intervals import interval_text
from rep4ex_bench.boards.numbers import shown


@dataclass(frozen=True)
class Reach:
    """One method in one scenario, as text."""

    scenario: str
    method: str
    interval: str
    ols: str
    mean: str
    cost: str
    on_front: bool


def reaches(board: pd.DataFrame) -> list[Reach]:
    """Return interval, breakdown, cost and front of every method that is ranked."""
    if board.empty:
        return []
    return [
        Reach(
            scenario=str(row["scenario_label"]),
            method=str(row["method_label"]),
            interval=error_interval(row),
            ols=_reach_text(row, "breakdown_ols"),
            mean=_reach_text(row, "breakdown_mean"),
            cost=shown(row["cost_seconds"]),
            on_front=bool(row["on_front"]),
        )
        for row in board[board["role"].isin(RANKED_GROUPS) & (board["left_out"] == "")].to_dict(
            "records"
        )
    ]


def reach(distance: float) -> str:
    """Return a distance to breakdown; "all" where the method wins at every distance."""
    return "all" if math.isinf(distance) else shown(distance)


def error_interval(row: Mapping[Any, Any] | pd.Series) -> str:
    """Return the interval of nmse_outside of a row of a board, or why there is none."""
    low, high, cells = row["nmse_outside_low"], row["nmse_outside_high"], row["cells"]
    if row["one_table"] and math.isnan(low):
        return "none: one table" if cells else ""
    return interval_text(low, high, cells)


def _reach_text(row: dict[Hashable, Any], name: str) -> str:
    """Return a distance to breakdown with its interval, an en dash where there is none."""
    middle, low, high = (float(row[name + end]) for end in ("", "_low", "_high"))
    if math.isnan(middle):
        return shown(middle)
    if row["one_table"]:
        return reach(middle)
    if math.isnan(low):
        return f"{reach(middle)} ({interval_text(low, high, row['cells'])})"
    return f"{reach(middle)} ({reach(low)} to {reach(high)})"
