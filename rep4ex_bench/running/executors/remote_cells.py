"""Cells on their way to another machine and back, and what runs them there."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import cloudpickle

from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.running.cell import CellResult, failed_cell
from rep4ex_bench.running.executors.machine import available_cores
from rep4ex_bench.running.executors.worker_process import WorkerProcess
from rep4ex_bench.running.suite import Cell

# A group of cells that took its machine with it so often is taken for the cause.
MOST_ATTEMPTS = 3


@dataclass
class Parcel:
    """A group of cells, packed: what receives it needs none of their code to hold it.

    Attributes:
        group: the cells.
        attempts: how often it was sent.
    """

    group: list[Cell]
    attempts: int = 0
    content: bytes = field(init=False)

    def __post_init__(self) -> None:
        # the path first: unpacking the cells may import what lies on it
        self.content = pickle.dumps((sys.path, cloudpickle.dumps(self.group)))

    def lost(self, why: object) -> list[CellResult]:
        """Return the records of cells that were lost too often."""
        text = f"lost with its worker {self.attempts} times, the last time: {why}"
        return [failed_cell(cell, "failed", text) for cell in self.group]


class Host:
    """Runs parcels on the machine that it is on, in a worker process there.

    Args:
        device: "auto", "cpu" or "cuda", as that machine has it.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._worker: WorkerProcess | None = None

    def ready(self) -> None:
        """Answer, which only a host that has found its place on a machine can."""

    def run(self, content: bytes) -> bytes:
        """Return the pickled results of a parcel, in the order of its cells."""
        path, packed = pickle.loads(content)
        sys.path += [entry for entry in path if entry not in sys.path and os.path.exists(entry)]
        cells: list[Cell] = cloudpickle.loads(packed)
        if self._worker is None:
            share = min(1.0, cells[0].resources.cpus / available_cores())
            self._worker = WorkerProcess(resolve_device(self._device).type, share=share)
        return pickle.dumps([result for _, result in self._worker.run(cells)])

    def close(self) -> None:
        """End the worker process."""
        if self._worker is not None:
            self._worker.close()


def results_of(content: bytes, count: int) -> Sequence[CellResult]:
    """Return the results that a host gave for so many cells.

    Raises:
        ValueError: another number of them.
    """
    results: list[CellResult] = pickle.loads(content)
    if len(results) != count:
        raise ValueError(f"{count} results were expected, got {len(results)}")
    return results
