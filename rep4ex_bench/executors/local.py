"""`local`: worker processes on this machine, one thread each. The default; needs nothing else."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, cast

import cloudpickle

from rep4ex_bench.cell import CellResult, failed_cell
from rep4ex_bench.errors import UsageError
from rep4ex_bench.executors.frames import CONFINED, Reply, read_frame, write_frame
from rep4ex_bench.executors.groups import group_cells
from rep4ex_bench.isolation.sealed import seal
from rep4ex_bench.suite import Cell

_CLOSE_SECONDS = 3.0
# For glibc: memory of one training step is kept for the next instead of going back to the kernel,
# which costs a page fault for every 4 KiB of it.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**32)}

# a cell that started, or with its result one that ended
_Event = tuple[Cell, CellResult | None]


def available_cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
            _Slot(self._device, self._confined) for _ in range(min(self._workers, len(groups)))
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
            for slot in slots:
                slot.close()


def _serve(
    slot: _Slot,
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


class _Slot:
    """One worker process, started when first needed and again if it dies."""

    def __init__(self, device: str, confined: bool) -> None:
        self._device = device
        self._options = [CONFINED] if confined else []
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, cells: list[Cell]) -> Iterator[tuple[Cell, CellResult]]:
        """Yield the result of each cell; a group that ends without results is run one by one."""
        results = self._run_together(cells)
        if isinstance(results, Reply):
            if len(cells) > 1:
                for cell in cells:
                    yield from self.run([cell])
                return
            results = [failed_cell(cells[0], results.status, results.error)]
        yield from zip(cells, results, strict=True)

    def _run_together(self, cells: list[Cell]) -> list[CellResult] | Reply:
        """Return the results, or the reply that says why there are none."""
        payload = cloudpickle.dumps((seal(cells), self._device))
        limit = sum(cell.timeout_seconds for cell in cells)
        process = self._started()
        try:
            write_frame(cast(BinaryIO, process.stdin), pickle.dumps((payload, limit, sys.path)))
            frame = read_frame(cast(BinaryIO, process.stdout))
        except (BrokenPipeError, ValueError):
            frame = None
        if frame is None:
            process.kill()
            self._process = None
            return Reply(
                status="failed", error="the worker process ended: killed or out of memory?"
            )
        reply: Reply = pickle.loads(frame)
        if reply.status != "ok":
            return reply
        results = pickle.loads(reply.result)
        if isinstance(results, str):  # not even unpacked, raised as a group, or not packed
            return Reply(status="failed", error=results)
        return cast(list[CellResult], results)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rep4ex_bench.executors.worker", *self._options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | KEEP_MEMORY,
                start_new_session=True,  # Ctrl-C is for the runner, which then closes its workers
            )
        return self._process

    def close(self) -> None:
        """End the worker and the cell it may be running: it ends by itself when its input does."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            cast(BinaryIO, self._process.stdin).close()
        try:
            self._process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
