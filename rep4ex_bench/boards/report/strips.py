"""The small chart in a leaderboard row: one dot per seed on a logarithmic axis, the median marked.

It is drawn here, not in the browser, so that the spread is there without scripts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from rep4ex_bench.boards.numbers import log_range, shown
from rep4ex_bench.records.records import LEFT_OUT

WIDTH = 168
HEIGHT = 22
_MARGIN = 10
_FAILED_ROOM = 14
_MOST_LISTED = 20
_FAILED, _BEYOND_HIGH, _BEYOND_LOW = "✕", "▸", "◂"


@dataclass(frozen=True)
class Strip:
    """The chart of one row, in pixels.

    Attributes:
        dots: of the seeds whose value is on the axis.
        signs: (sign, position) where a seed failed or lies beyond the axis, each place once.
        median: None where it is not on the axis.
        description: the values in words.
    """

    dots: list[float]
    signs: list[tuple[str, float]]
    median: float | None
    description: str


@dataclass(frozen=True)
class Tick:
    """A mark of the axis."""

    x: float
    text: str


class Axis:
    """The axis that all rows of a scenario share."""

    def __init__(self, values: list[float]) -> None:
        self.low, self.high = log_range(values)

    def position(self, value: float) -> float:
        """Return the pixel of a value; beyond the ends it is the end."""
        inside = min(max(value, self.low), self.high)
        share = math.log10(inside / self.low) / math.log10(self.high / self.low)
        return round(_MARGIN + share * (WIDTH - 2 * _MARGIN - _FAILED_ROOM), 1)

    def ticks(self) -> list[Tick]:
        """Return at most three marks: both ends and 1, where it is not too close to an end."""
        ends = [self.low, self.high]
        middle = [1.0] if self.low * 5 < 1 < self.high / 5 else []
        return [Tick(self.position(v), f"{v:g}") for v in sorted(ends + middle)]


def nmse_by_seed(records: pd.DataFrame) -> dict[tuple[str, str], dict[int, float]]:
    """Return nmse_outside per (scenario, method) and seed; infinite where the cell has none.

    Cells that are left out of the run are left out.
    """
    found: dict[tuple[str, str], dict[int, float]] = {}
    ran = records[~records["status"].isin(LEFT_OUT)]
    for scenario, method, seed, _ in _rows(ran.drop_duplicates("cell_key")):
        found.setdefault((scenario, method), {})[seed] = math.inf
    good = records[(records["metric"] == "nmse_outside") & (records["status"] == "ok")]
    for scenario, method, seed, value in _rows(good):
        found[scenario, method][seed] = value
    return found


def _rows(records: pd.DataFrame) -> Iterator[tuple[str, str, int, float]]:
    columns = (records[name] for name in ("scenario_label", "method_label", "seed", "value"))
    for scenario, method, seed, value in zip(*columns, strict=True):
        yield str(scenario), str(method), int(seed), float(value)


def strip(by_seed: dict[int, float], median: float, axis: Axis) -> Strip:
    """Return the chart of one row."""
    dots, signs = set(), set()
    for value in by_seed.values():
        if not math.isfinite(value):
            signs.add((_FAILED, WIDTH - _FAILED_ROOM / 2))
        elif axis.low <= value <= axis.high:
            dots.add(axis.position(value))
        else:
            sign = _BEYOND_HIGH if value > axis.high else _BEYOND_LOW
            signs.add((sign, axis.position(value)))
    place = axis.position(median) if axis.low <= median <= axis.high else None
    return Strip(sorted(dots), sorted(signs), place, _description(by_seed))


def _description(by_seed: dict[int, float]) -> str:
    seeds = sorted(by_seed)
    listed = [f"{seed}: {shown(by_seed[seed])}" for seed in seeds[:_MOST_LISTED]]
    if len(seeds) > _MOST_LISTED:
        listed.append(f"and {len(seeds) - _MOST_LISTED} more")
    return f"nMSE outside by seed: {', '.join(listed)}"
