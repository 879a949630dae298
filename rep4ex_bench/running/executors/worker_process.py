"""A worker process as its executor sees it: cells go in, results come out, whatever happens."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO, cast

import cloudpickle

from rep4ex_bench.running.cell import CellResult, failed_cell
from rep4ex_bench.running.cell_log import failure_of
from rep4ex_bench.running.executors.frames import CONFINED, Reply, Request, read_frame, write_frame
from rep4ex_bench.running.executors.machine import available_memory
from rep4ex_bench.running.isolation.remote_method import with_remote_methods
from rep4ex_bench.running.resources import GIB
from rep4ex_bench.running.suite import Cell

_CLOSE_SECONDS = 2.0  # for all workers together
_LOST_TWICE = "the worker process ended twice: killed or out of memory?"
# For glibc: memory of one training step is kept for the next instead of going back to the kernel,
# which costs a page fault for every 4 KiB of it.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**32)}


class WorkerProcess:
    """One worker process on this machine, started when first needed and again if it dies.

    Args:
        device: for every cell.
        confined: whether methods lose the network and their home.
        share: of this machine's memory, the limit of cells that name none.
    """

    def __init__(self, device: str, confined: bool = False, share: float = 1.0) -> None:
        self._device = device
        self._share = share
        self._options = [CONFINED] if confined else []
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = False

    def run(self, cells: list[Cell]) -> Iterator[tuple[Cell, CellResult]]:
        """Yield the result of each cell; a group that ends without results is run one by one."""
        results = None if self._closing else self._run_together(cells)
        if self._closing:  # lost on purpose: no other may be started for it
            return
        if results is None:  # the worker itself is lost: no fault of the cells, unless it repeats
            results = self._run_together(cells) or Reply(status="failed", error=_LOST_TWICE)
        if isinstance(results, Reply):
            if len(cells) > 1:
                for cell in cells:
                    yield from self.run([cell])
                return
            lost = failed_cell(cells[0], results.status, results.error)
            results = [replace(lost, log=results.output)]
        yield from zip(cells, results, strict=True)

    def _run_together(self, cells: list[Cell]) -> list[CellResult] | Reply | None:
        """Return the results, or the reply that says why there are none, or None: worker lost."""
        request = pickle.dumps(self._request(cells))
        process = self._started()
        try:
            write_frame(cast(BinaryIO, process.stdin), request)
            frame = read_frame(cast(BinaryIO, process.stdout))
        except (BrokenPipeError, ValueError):
            frame = None
        if frame is None:
            process.kill()
            process.wait()
            self._process = None
            return None
        reply: Reply = pickle.loads(frame)
        if reply.status != "ok":
            return reply
        results = pickle.loads(reply.result)
        if isinstance(results, str):  # not even unpacked, raised as a group, or not packed
            return Reply(status="failed", error=results, output=reply.output)
        return [replace(one, log=reply.output) if failure_of(one) else one for one in results]

    def _request(self, cells: list[Cell]) -> Request:
        named = cells[0].resources.memory_bytes
        memory = int(available_memory() * self._share) if named is None else named
        limit = cells[0].resources.model_copy(update={"memory_gigabytes": memory / GIB})
        return Request(
            cloudpickle.dumps(
                (
                    [replace(cell, resources=limit) for cell in with_remote_methods(cells)],
                    self._device,
                )
            ),
            sum(cell.timeout_seconds for cell in cells),
            memory,
            0 if self._device == "cuda" else memory,
            sys.path,
        )

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rep4ex_bench.running.executors.worker", *self._options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | KEEP_MEMORY,
                start_new_session=True,  # Ctrl-C is for the runner, which then closes its workers
            )
        return self._process

    def close(self) -> None:
        """End the worker and the cell it may be running."""
        close_workers([self])

    def end_input(self) -> None:
        """Let the worker end by itself, with the cell it may be running."""
        self._closing = True
        if self._process is not None:
            with contextlib.suppress(OSError):
                cast(BinaryIO, self._process.stdin).close()

    def end(self, seconds: float) -> None:
        """Wait so long for the worker's end, and then end it."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def close_workers(workers: Sequence[WorkerProcess]) -> None:
    """End workers and the cells that they may be running, all at the same time."""
    for worker in workers:
        worker.end_input()
    deadline = time.monotonic() + _CLOSE_SECONDS
    for worker in workers:
        worker.end(deadline - time.monotonic())
