"""What `templates/ranking.html.j2` shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

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
    """Return interval, breakdown, cost and front of every method of role "method" on a board."""
    if board.empty:
        return []
    return [
        Reach(
            scenario=str(row["scenario_label"]),
            method=str(row["method_label"]),
            interval=interval_text(row["nmse_outside_low"], row["nmse_outside_high"], row["cells"]),
            ols=reach(row["breakdown_ols"]),
            mean=reach(row["breakdown_mean"]),
            cost=shown(row["cost_seconds"]),
            on_front=bool(row["on_front"]),
        )
        for row in board[(board["role"] == "method") & (board["left_out"] == "")].to_dict("records")
    ]


def reach(distance: float) -> str:
    """Return a distance to breakdown; "all" where the method wins at the largest distance."""
    return "all" if math.isinf(distance) else shown(distance)
