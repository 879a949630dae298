"""`ray`: cells on a Ray cluster. Needs the extra `rep4ex-bench[ray]`.

It takes the cluster that `RAY_ADDRESS` names or that runs here, or else starts one on this machine.
Every node needs this package, and the packages of the methods. What a node takes with it when it
goes away is run again elsewhere.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from rep4ex_bench.errors import UsageError, describe_error
from rep4ex_bench.running.cell import CellResult, failed_cell
from rep4ex_bench.running.executors.groups import group_cells
from rep4ex_bench.running.executors.remote_cells import MOST_ATTEMPTS, Host, Parcel, results_of
from rep4ex_bench.running.resources import Resources
from rep4ex_bench.running.suite import Cell


def make(device: str, workers: int | None, out: Path) -> RayExecutor:
    """Return the executor; the output folder is written by the caller's machine only."""
    return RayExecutor(device, workers)


class RayExecutor:
    """Runs cells in Ray actors, each with a worker process on its node.

    Args:
        device: of every cell, as its node has it.
        workers: number of actors; None is as many as the cluster holds by the suite's resources.
    """

    def __init__(self, device: str, workers: int | None = None) -> None:
        self._device = device
        self._workers = workers

    def run(
        self,
        cells: Sequence[Cell],
        on_start: Callable[[Cell], None],
        on_done: Callable[[Cell, CellResult], None],
    ) -> None:
        """Run every cell; see `Executor`."""
        resources = cells[0].resources
        with _connected():
            workers = self._workers or _places(resources)
            waiting = deque(Parcel(group) for group in group_cells(cells, workers))
            pool = _Pool(self._device, resources, min(workers, len(waiting)))
            try:
                pool.work(waiting, on_start, on_done)
            finally:
                pool.close()


class _Pool:
    """Actors, and the parcels that are with them.

    An actor is given a parcel only once it has a place: where the cluster has shrunk, one that was
    made for a lost one may wait for ever, and the others do its work.
    """

    def __init__(self, device: str, resources: Resources, size: int) -> None:
        self._make = ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus)(Host).remote
        self._device = device
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Parcel]] = {}
        self._failed_starts, self._most_failed_starts = 0, MOST_ATTEMPTS * size
        for _ in range(size):
            self._start()

    def _start(self) -> None:
        actor: Any = self._make(self._device)
        self._starting[actor.ready.remote()] = actor

    def work(
        self,
        waiting: deque[Parcel],
        on_start: Callable[[Cell], None],
        on_done: Callable[[Cell, CellResult], None],
    ) -> None:
        """Run all parcels; one that is lost with its actor goes to the front again."""
        while waiting or self._busy:
            while waiting and self._idle:
                parcel = waiting.popleft()
                if parcel.attempts == 0:
                    for cell in parcel.group:
                        on_start(cell)
                parcel.attempts += 1
                actor = self._idle.pop()
                self._busy[actor.run.remote(parcel.content)] = actor, parcel
            (ended, *_), _ = ray.wait([*self._busy, *self._starting], num_returns=1)
            if ended in self._starting:
                self._take_in(ended)
                continue
            actor, parcel = self._busy.pop(ended)
            try:
                results = results_of(ray.get(ended), len(parcel.group))
            except RayTaskError as error:  # raised there, by what surrounds the cells
                text = describe_error(error.cause or error)
                results = [failed_cell(cell, "failed", text) for cell in parcel.group]
                self._idle.append(actor)
            except RayError as error:  # the actor is lost, mostly with its node
                self._start()
                if parcel.attempts < MOST_ATTEMPTS:
                    waiting.appendleft(parcel)
                    continue
                results = parcel.lost(error)
            else:
                self._idle.append(actor)
            for cell, result in zip(parcel.group, results, strict=True):
                on_done(cell, result)

    def _take_in(self, answer: Any) -> None:
        """Let an actor that has answered have work, or start another for one that was lost."""
        actor = self._starting.pop(answer)
        try:
            ray.get(answer)
        except RayError as error:
            self._failed_starts += 1
            if self._failed_starts > self._most_failed_starts:
                raise UsageError(
                    f"{self._failed_starts} workers in a row could not start on the Ray cluster; "
                    f"does every node have this package and the methods' packages? {error}"
                ) from error
            self._start()
        else:
            self._failed_starts = 0
            self._idle.append(actor)

    def close(self) -> None:
        """End the actors; their worker processes end with them."""
        busy = (actor for actor, _ in self._busy.values())
        for actor in [*self._idle, *self._starting.values(), *busy]:
            ray.kill(actor)


def _places(resources: Resources) -> int:
    """Return how many cells the cluster holds at once.

    Raises:
        UsageError: not even one.
    """
    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    places = [int(total.get("CPU", 0) // resources.cpus)]
    if resources.gpus:
        places.append(int(total.get("GPU", 0) / resources.gpus))
    if min(places) < 1:
        raise UsageError(
            f"no node of the Ray cluster can hold a cell: it needs {resources.cpus} CPUs and "
            f"{resources.gpus:g} GPUs, the cluster has {total.get('CPU', 0):g} and "
            f"{total.get('GPU', 0):g}: change [resources] of the suite"
        )
    return min(places)


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    """Be connected to a cluster; leave one that was there before as it was."""
    if ray.is_initialized():
        yield
        return
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()
