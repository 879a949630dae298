"""`slurm`: cells as a Slurm job array, by submitit. Needs the extra `rep4ex-bench[slurm]`.

The run folder must be on a disk that every node sees, and this package installed on all of them.
Partition, account and the like are taken from sbatch's own variables (`SBATCH_PARTITION`, ...).
A job that is preempted or runs out of time is queued again and goes on where it was; one that
vanishes is submitted anew.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import submitit

from rep4ex_bench.errors import UsageError
from rep4ex_bench.running.cell import CellResult
from rep4ex_bench.running.executors.groups import group_cells
from rep4ex_bench.running.executors.remote_cells import MOST_ATTEMPTS, Parcel
from rep4ex_bench.running.executors.spool import Package, Spool
from rep4ex_bench.running.resources import Resources
from rep4ex_bench.running.suite import Cell

_DEFAULT_WORKERS = 16
# Jobs for each worker: those that are done early help the others; sites limit arrays to about 1000.
_JOBS_PER_WORKER, _MOST_JOBS = 4, 1_000
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_BETWEEN_QUEUE_LOOKS = 5.0
# Beside the time limits of its cells, for starting and for reading the packages from a shared disk.
_SPARE_MINUTES = 10
_LONGEST_MINUTES = 24 * 60


def make(device: str, workers: int | None, out: Path) -> SlurmExecutor:
    """Return the executor.

    Raises:
        UsageError: no Slurm on this machine.
    """
    if shutil.which("sbatch") is None or shutil.which("squeue") is None:
        raise UsageError(
            "the executor 'slurm' needs sbatch and squeue, which are not on this machine's path: "
            "run it on a login node of a Slurm cluster"
        )
    return SlurmExecutor(device, workers, out, "slurm")


class SlurmExecutor:
    """Runs cells in the jobs of an array.

    Args:
        device: of every cell, as its node has it.
        workers: jobs that run at once; None is 16.
        out: the run folder; jobs leave their results in its folder "slurm".
        cluster: "slurm", or "local" for submitit's processes on this machine.
    """

    def __init__(self, device: str, workers: int | None, out: Path, cluster: str) -> None:
        self._device = device
        self._workers = workers or _DEFAULT_WORKERS
        self._folder = out.resolve() / "slurm"
        self._cluster = cluster

    def run(
        self,
        cells: Sequence[Cell],
        on_start: Callable[[Cell], None],
        on_done: Callable[[Cell, CellResult], None],
    ) -> None:
        """Run every cell; see `Executor`."""
        parcels = [Parcel(group) for group in group_cells(cells, self._workers)]
        spool = Spool(self._folder / "spool")
        spool.clear()
        waiting = dict(enumerate(parcels))
        jobs = self._submit(waiting, spool)
        for cell in cells:
            on_start(cell)
        try:
            while waiting:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                self._collect(waiting, spool, on_done)
                lost = {place for place in waiting if jobs.ended(place)}
                # what a job wrote before it ended is there by now
                self._collect(waiting, spool, on_done)
                again = {place: waiting[place] for place in lost if place in waiting}
                for place, parcel in list(again.items()):
                    if parcel.attempts >= MOST_ATTEMPTS:
                        results = parcel.lost(jobs.last_words(place))
                        _hand_over(waiting.pop(place), results, on_done)
                        del again[place]
                if again:
                    jobs.update(self._submit(again, spool))
        finally:
            jobs.cancel()
            spool.clear()

    def _collect(
        self,
        waiting: dict[int, Parcel],
        spool: Spool,
        on_done: Callable[[Cell, CellResult], None],
    ) -> None:
        for place in spool.finished():
            if place in waiting:
                parcel = waiting.pop(place)
                _hand_over(parcel, spool.results(place, len(parcel.group)), on_done)

    def _submit(self, parcels: dict[int, Parcel], spool: Spool) -> _Jobs:
        """Submit one array; its jobs share the parcels evenly."""
        for place, parcel in parcels.items():
            parcel.attempts += 1
            spool.put(place, parcel)
        count = min(len(parcels), self._workers * _JOBS_PER_WORKER, _MOST_JOBS)
        places = list(parcels)
        shares = [places[first::count] for first in range(count)]
        executor = submitit.AutoExecutor(folder=self._folder / "log", cluster=self._cluster)
        executor.update_parameters(
            name="rep4ex-bench",
            timeout_min=max(self._minutes(parcels, share) for share in shares),
            slurm_array_parallelism=self._workers,
            **_requests(next(iter(parcels.values())).group[0].resources),
        )
        with executor.batch():
            submitted = [executor.submit(Package(spool, share, self._device)) for share in shares]
        return _Jobs(
            {place: job for share, job in zip(shares, submitted, strict=True) for place in share},
            self._cluster,
        )

    def _minutes(self, parcels: dict[int, Parcel], share: list[int]) -> int:
        seconds = sum(cell.timeout_seconds for place in share for cell in parcels[place].group)
        return min(_LONGEST_MINUTES, _SPARE_MINUTES + math.ceil(seconds / 60))


def _requests(resources: Resources) -> dict[str, Any]:
    wanted: dict[str, Any] = {"cpus_per_task": resources.cpus}
    if resources.gpus:  # Slurm shares no card between jobs
        wanted["gpus_per_node"] = math.ceil(resources.gpus)
    if resources.memory_gigabytes is not None:  # the worker process itself needs some beside
        wanted["mem_gb"] = math.ceil(resources.memory_gigabytes + 2)
    return wanted


def _hand_over(
    parcel: Parcel, results: Sequence[CellResult], on_done: Callable[[Cell, CellResult], None]
) -> None:
    for cell, result in zip(parcel.group, results, strict=True):
        on_done(cell, result)


class _Jobs:
    """Which job has which parcel, and whether it has ended.

    Slurm's accounting (sacct) is not needed: a job that is no longer in the queue has ended.
    """

    def __init__(self, by_place: dict[int, Any], cluster: str) -> None:
        self._by_place = by_place
        self._cluster = cluster
        self._queued: set[str] = set()
        self._looked = -math.inf

    def update(self, other: _Jobs) -> None:
        """Take over newer jobs."""
        self._by_place |= other._by_place
        self._looked = -math.inf

    def ended(self, place: int) -> bool:
        """Say whether the job of a parcel runs no more and will not."""
        job = self._by_place[place]
        if self._cluster != "slurm" or job.paths.result_pickle.exists():
            return bool(job.done())
        self._look()
        return job.job_id not in self._queued

    def _look(self) -> None:
        if time.monotonic() < self._looked + _SECONDS_BETWEEN_QUEUE_LOOKS:
            return
        # without --array a range of pending jobs is one line
        command = ["squeue", "--noheader", "--array", "--me", "--format=%i %A"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode:  # the controller is away for a moment: nothing is known, nothing lost
            self._queued = {job.job_id for job in self._by_place.values()}
        else:
            self._queued = set(found.stdout.split())
        self._looked = time.monotonic()

    def last_words(self, place: int) -> str:
        """Return the end of what the job of a parcel wrote about itself."""
        job = self._by_place[place]
        with contextlib.suppress(Exception):
            return (job.stderr() or "").strip()[-500:] or f"job {job.job_id} left no message"
        return f"job {job.job_id} left no message"

    def cancel(self) -> None:
        """End all jobs that still run or wait."""
        for job in set(self._by_place.values()):
            with contextlib.suppress(Exception):
                if not job.paths.result_pickle.exists():
                    job.cancel()
