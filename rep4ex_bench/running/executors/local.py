"""`local`: worker processes on this machine, one thread each. The default; needs nothing else."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence

from rep4ex_bench.errors import UsageError
from rep4ex_bench.running.cell import CellResult
from rep4ex_bench.running.executors.groups import group_cells
from rep4ex_bench.running.executors.machine import available_cores
from rep4ex_bench.running.executors.worker_process import WorkerProcess, close_workers
from rep4ex_bench.running.suite import Cell

# a cell that started, or with its result one that ended
_Event = tuple[Cell, CellResult | None]


class LocalExecutor:
    """Runs cells in `workers` processes on this machine.

    Args:
        device: "auto", "cpu" or "cuda", for every cell.
        workers: number of processes; None means one per core on a CPU and one on CUDA.
        confined: whether methods lose the network and their home, where the system allows it.

    Raises:
        UsageError: fewer than one worker, or a platform without fork.
    """

    def __init__(self, device: str, workers: int | None = None, confined: bool = False) -> None:
        if not hasattr(os, "fork"):
            raise UsageError("the local executor needs a platform with fork (Linux, macOS)")
        if workers is not None and workers < 1:
            raise UsageError(f"the number of workers must be at least 1, got {workers}")
        self._device = device
        self._confined = confined
        self._workers = workers or (1 if device == "cuda" else available_cores())

    def run(
        self,
        cells: Sequence[Cell],
        on_start: Callable[[Cell], None],
        on_done: Callable[[Cell, CellResult], None],
    ) -> None:
        """Run every cell; see `Executor`."""
        groups = group_cells(cells, self._workers)
        waiting: queue.SimpleQueue[list[Cell]] = queue.SimpleQueue()
        for group in groups:
            waiting.put(group)
        events: queue.SimpleQueue[_Event | BaseException] = queue.SimpleQueue()
        slots = [
            WorkerProcess(self._device, self._confined, 1 / self._workers)
            for _ in range(min(self._workers, len(groups)))
        ]
        threads = [
            threading.Thread(target=_serve, args=(slot, waiting, events), daemon=True)
            for slot in slots
        ]
        try:
            for thread in threads:
                thread.start()
            remaining = len(cells)
            while remaining:
                event = events.get()
                if isinstance(event, BaseException):
                    raise event
                cell, result = event
                if result is None:
                    on_start(cell)
                else:
                    remaining -= 1
                    on_done(cell, result)
        finally:
            close_workers(slots)


def _serve(
    slot: WorkerProcess,
    waiting: queue.SimpleQueue[list[Cell]],
    events: queue.SimpleQueue[_Event | BaseException],
) -> None:
    """Feed one worker process until no cell waits."""
    try:
        while True:
            try:
                group = waiting.get_nowait()
            except queue.Empty:
                return
            for cell in group:
                events.put((cell, None))
            for cell, result in slot.run(group):
                events.put((cell, result))
    except BaseException as error:
        events.put(error)
