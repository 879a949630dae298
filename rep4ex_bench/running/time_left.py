"""How long a run will go on, from what its finished cells took.

Methods differ by a factor of a thousand in time, so the pace of all cells together says little. The
time that passes is shared out among the cells that are running; what a cell has got in the end is
its cost, and the costs of all cells sum up to the time of the run, however many run beside each
other. A cell to come is expected to cost as those of its method and scenario did, or else as those
of its method. As long as a method has not finished any cell, nothing is said. What is said is too
little where workers will be idle while a few long cells end the run.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from rep4ex_bench.running.suite import Cell

Place = tuple[str, str]  # method, scenario


class _Mean:
    """Of numbers that come one by one, of which there is one at least."""

    def __init__(self) -> None:
        self._total, self._count = 0.0, 0

    def add(self, value: float) -> None:
        self._total += value
        self._count += 1

    @property
    def value(self) -> float:
        return self._total / self._count


class TimeLeft:
    """Follows a run.

    Args:
        cells: that are to be computed.
        clock: returns seconds.
    """

    def __init__(self, cells: Sequence[Cell], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = Counter(_place(cell) for cell in cells)
        self._running: dict[str, float] = {}
        # means and no lists of costs: a run may have 100,000 cells, and asks after each
        self._costs: dict[Place, _Mean] = defaultdict(_Mean)
        self._costs_of_method: dict[str, _Mean] = defaultdict(_Mean)
        self._told = clock()

    def started(self, cell: Cell) -> None:
        """Take note of a start."""
        self._share()
        self._running[cell.key] = 0.0

    def finished(self, cell: Cell) -> None:
        """Take note of an end."""
        self._share()
        place, cost = _place(cell), self._running.pop(cell.key, 0.0)
        self._costs[place].add(cost)
        self._costs_of_method[cell.method_label].add(cost)
        self._left[place] -= 1

    def seconds(self) -> float | None:
        """Return the seconds that are left; None while nobody can tell."""
        self._share()
        to_come = 0.0
        for place, count in self._left.items():
            if count < 1:
                continue
            cost = self._expected(place)
            if cost is None:
                return None
            to_come += count * cost
        return max(0.0, to_come - sum(self._running.values()))

    def _expected(self, place: Place) -> float | None:
        own = self._costs.get(place) or self._costs_of_method.get(place[0])
        return own.value if own else None

    def _share(self) -> None:
        now = self._clock()
        for key in self._running:
            self._running[key] += (now - self._told) / len(self._running)
        self._told = now


def _place(cell: Cell) -> Place:
    return cell.method_label, cell.scenario_label
