"""The small chart in a row of the board: the speed-up as a bar on a logarithmic axis from 1.

It is drawn here, not in the browser, so that it is there without scripts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

WIDTH = 150
HEIGHT = 16
_MARGIN = 6


@dataclass(frozen=True)
class Bar:
    """The chart of one row, in pixels.

    Attributes:
        left, right: ends of the bar; one of them is at a speed-up of 1.
        reach: ends of the interval; None where there is none.
    """

    left: float
    right: float
    reach: tuple[float, float] | None


class BarAxis:
    """The axis that all rows of a workload share; it holds every bar, every interval and 1."""

    def __init__(self, rows: pd.DataFrame) -> None:
        columns = ("speedup", "speedup_low", "speedup_high")
        ends = [1.0, *(value for column in columns for value in rows[column].dropna())]
        self.low, self.high = float(min(ends)), float(max(*ends, 1.01))
        self.one = self.position(1.0)

    def position(self, value: float) -> float:
        """Return the pixel of a speed-up."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(_MARGIN + share * (WIDTH - 2 * _MARGIN), 1)

    def bar(self, speedup: float, low: float, high: float) -> Bar | None:
        """Return the chart of a row, None where there is no speed-up."""
        if not math.isfinite(speedup):
            return None
        end = self.position(speedup)
        left, right = min(end, self.one), max(end, self.one)
        known = math.isfinite(low) and math.isfinite(high)
        return Bar(left, right, (self.position(low), self.position(high)) if known else None)
