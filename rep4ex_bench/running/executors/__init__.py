"""Executors: where cells run. All give back the same results, in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from rep4ex_bench.running.cell import CellResult
from rep4ex_bench.running.suite import Cell


class Executor(Protocol):
    """Runs cells somewhere and reports each as it starts and ends, in any order."""

    def run(
        self,
        cells: Sequence[Cell],
        on_start: Callable[[Cell], None],
        on_done: Callable[[Cell, CellResult], None],
    ) -> None:
        """Run every cell; callbacks come from the calling thread, one at a time."""
