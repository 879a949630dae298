"""A worker process as its executor sees it: cells go in, results come out, whatever happens."""

from __future__ import annotations

import pickle
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import cloudpickle

from rep4ex_bench.running.cell import CellResult, failed_cell
from rep4ex_bench.running.cell_log import failure_of
from rep4ex_bench.running.executors.frames import Reply, Request, read_frame, write_frame
from rep4ex_bench.running.executors.machine import available_memory
from rep4ex_bench.running.executors.worker_start import (
    TemplateEndedError,
    Worker,
    start_worker,
)
from rep4ex_bench.running.isolation.remote_method import with_remote_methods
from rep4ex_bench.running.resources import GIB
from rep4ex_bench.running.suite import Cell

_CLOSE_SECONDS = 2.0  # for all workers together
_LOST_TWICE = "the worker process ended twice: killed or out of memory?"


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
        self._confined = confined
        self._worker: Worker | None = None
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
        try:
            worker = self._started()
            if self._closing:  # while it started
                worker.end_input()
                return None
            write_frame(worker.requests, request)
            frame = read_frame(worker.replies)
        except (BrokenPipeError, TemplateEndedError, ValueError):
            frame = None
        if frame is None:
            self._drop_worker()
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

    def _started(self) -> Worker:
        if self._worker is None:
            self._worker = start_worker(self._confined)
        return self._worker

    def close(self) -> None:
        """End the worker and the cell it may be running."""
        close_workers([self])

    def end_input(self) -> None:
        """Let the worker end by itself, with the cell it may be running."""
        self._closing = True
        if self._worker is not None:
            self._worker.end_input()

    def end(self, seconds: float) -> None:
        """Wait so long for the worker's end, and then end it."""
        if self._worker is not None:
            self._worker.end(seconds)

    def _drop_worker(self) -> None:
        """Forget a lost worker; one that is closing is still to be waited for."""
        if self._worker is not None and not self._closing:
            self._worker.end_input()
            self._worker.end(0.0)
            self._worker = None


def close_workers(workers: Sequence[WorkerProcess]) -> None:
    """End workers and the cells that they may be running, all at the same time."""
    for worker in workers:
        worker.end_input()
    deadline = time.monotonic() + _CLOSE_SECONDS
    for worker in workers:
        worker.end(deadline - time.monotonic())
