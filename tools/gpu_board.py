"""The speed board on a GPU: one command an op, whose records are kept workload by workload.

What is stopped goes on with the workload that it had not finished; first calls that were measured
are not measured again. A board is of one state of the code and of one machine: workloads of another
are removed, and measured anew.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import gpu_run
from gpu_ledger import FAILED, PASSED, Ledger, Row, content_key, python_files, write_text
from rep4ex_bench.boards.speed.failures import failures
from rep4ex_bench.boards.speed.summary import speed_table
from rep4ex_bench.records import provenance
from rep4ex_bench.records.records import read_records
from rep4ex_bench.speed.folder import SpeedFolder, workload_file
from rep4ex_bench.speed.shapes import workloads
from rep4ex_bench.speed.workload import Workload

SHAPES = "reference"
_LEAST_SECONDS = 60.0  # with less, no op is begun
_LOG_LINES = 40


class BoardSteps:
    """The workloads, and what became of them in a folder of results.

    Args:
        folder: of the results of one GPU.
        facts: everything besides the code that a result depends on: versions and the machine.
        commit: of the source tree.
    """

    def __init__(self, folder: Path, facts: str, commit: str) -> None:
        self._folder, self._facts, self._commit = folder / "board", facts, commit
        self._key = ""
        self.ledger = Ledger(folder / "board.json")

    def states(self) -> dict[str, str]:
        """Return "passed" (measured), "failed" (a contender failed) or "missing" by the label."""
        return {workload.label: self._state(workload) for workload in board_workloads()}

    def forget(self) -> None:
        """Let all that is done be missing."""
        self.ledger.forget(workload.label for workload in board_workloads())

    def run(self, seconds_left: gpu_run.Countdown, jobs: int) -> None:
        """Measure what is missing, op by op, as long as there is time.

        One process at a time, whatever `jobs` is: two on one GPU would measure each other.
        """
        missing = [w for w in board_workloads() if self._state(w) == "missing"]
        self._remove(missing)
        for op in dict.fromkeys(workload.op for workload in missing):
            if seconds_left() >= _LEAST_SECONDS and not gpu_run.STOPPING.is_set():
                self._run(op, [w for w in missing if w.op == op], seconds_left())

    def _remove(self, missing: list[Workload]) -> None:
        """Remove the records of workloads that are to be measured; they are of other code."""
        self.ledger.forget(workload.label for workload in missing)
        stale = [file for w in missing if (file := workload_file(self._folder, w)).exists()]
        if stale:
            print(f"{len(stale)} workloads are measured anew: other code, machine or versions")
        if stale or len(missing) == len(board_workloads()):
            stale += self._folder.glob("calibration-*.parquet")
        if not stale:
            return
        for file in stale:
            file.unlink()
        SpeedFolder(self._folder, provenance.processor()).collect()

    def _run(self, op: str, missing: list[Workload], seconds: float) -> None:
        log = self._folder.with_name(f"board-{op}.log")
        begun = [time.monotonic()]

        def keep() -> None:
            for workload in missing:
                if self.ledger.row(workload.label) is None:
                    self._keep(workload, begun)

        ended = gpu_run.run(command(op, self._folder), seconds, log, keep)
        keep()
        last = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        if ended.stopped:
            print(f"{op}: stopped after {ended.seconds:.0f} s, finished workloads are kept")
        elif ended.status not in (0, 1):
            print(f"{op}: ended with {ended.status}:", *last, sep="\n    ")
            write_text(log, "\n".join(last) + "\n")
            return
        log.unlink()

    def _keep(self, workload: Workload, begun: list[float]) -> None:
        """Enter a workload into the ledger if its records are there."""
        file = workload_file(self._folder, workload)
        if not file.exists():
            return
        found = failures(speed_table(read_records(file)))
        counts = {FAILED: len(found)} if found else {}
        seconds = round(time.monotonic() - begun[0], 1)
        begun[0] = time.monotonic()
        state = FAILED if found else PASSED
        self.ledger.write(
            workload.label, Row(self._current_key(), state, self._commit, seconds, counts)
        )
        print(f"{workload.label}: measured in {seconds:.0f} s", flush=True)
        for row in found:
            print(f"    {row['contender']}: {row['state']}: {row['message']}", flush=True)
        write_text(self._folder / "failures.md", self.failures())

    def failures(self) -> str:
        """Return what every contender said that failed."""
        parts = []
        for workload in board_workloads():
            file = workload_file(self._folder, workload)
            for row in failures(speed_table(read_records(file))) if file.exists() else ():
                head = f"## {row['contender']}: {row['workload']}"
                parts.append(f"{head}\n\n{row['state']}\n\n````\n{row['message']}\n````\n")
        head = f"# Failing contenders: {len(parts) or 'none'}\n\nWritten by `make gpu-board`.\n"
        return "\n".join([head, *parts])

    def _state(self, workload: Workload) -> str:
        there = workload_file(self._folder, workload).exists()
        return self.ledger.state(workload.label, self._current_key()) if there else "missing"

    def _current_key(self) -> str:
        if not self._key:
            files = python_files("kernels/rep4ex_kernels", "rep4ex_bench/speed")
            used = [file for file in files if "offline" not in file.parts]
            self._key = content_key(used, self._facts)
        return self._key


def board_workloads() -> list[Workload]:
    """Return the workloads of the board."""
    return workloads(SHAPES, "cuda")


def command(op: str, folder: Path) -> list[str]:
    """Return the command that measures an op."""
    bench = [sys.executable, "-m", "rep4ex_bench.cli", "kernels", "--device", "cuda"]
    return [*bench, "--op", op, "--out", str(folder)]
