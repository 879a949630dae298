"""What breaks what, as terminal, report and site show it: dials by methods."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from rep4ex_bench.boards.groups import named
from rep4ex_bench.boards.numbers import shown

NEVER = "never"
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class Breakdown:
    """One cell.

    Attributes:
        text: the median step, "never", or a dash where nothing can be said.
        level: the same as a share of the dial, 0 at once to 1 never; None without text.
        detail: the interval, and the error at every step.
    """

    text: str = NOTHING
    level: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class BreakdownTable:
    """Dials (name, what they break, a cell a method) by methods, those marked with their roles."""

    methods: list[str]
    rows: list[tuple[str, str, list[Breakdown]]]


def breakdown_table(violations: pd.DataFrame) -> BreakdownTable | None:
    """Return the table of `ranking.violations.violations`; None where there are no dials."""
    compared = violations[violations["breaks_at"].notna()]
    if compared.empty:
        return None
    roles = compared.drop_duplicates("method_label").set_index("method_label")["role"]
    rows = []
    for (dial, says), own in compared.groupby(["dial", "says"], sort=False):
        by_method = {str(label): _cell(cells) for label, cells in own.groupby("method_label")}
        cells = [by_method.get(str(label), Breakdown()) for label in roles.index]
        rows.append((str(dial), str(says), cells))
    return BreakdownTable([named(str(label), role) for label, role in roles.items()], rows)


def _cell(rows: pd.DataFrame) -> Breakdown:
    first = rows.iloc[0]
    at, steps = float(first["breaks_at"]), int(first["steps"])
    interval = ""
    if math.isfinite(first["breaks_at_low"]):
        interval = f"95 % interval {first['breaks_at_low']:g} to {first['breaks_at_high']:g}; "
    errors = ", ".join(shown(value) for value in rows.sort_values("step")["nmse_outside"])
    return Breakdown(
        text=NEVER if at >= steps else f"{at:g}",
        level=at / steps,
        detail=f"{interval}nMSE outside by step: {errors}; {int(first['seeds'])} seeds",
    )
