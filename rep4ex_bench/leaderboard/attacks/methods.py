"""Attacks by a method while its cell runs: looking for the truth, and hiding its cost."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import ClassVar

from rep4ex_bench.leaderboard.attacks.base import MethodAttack, Outcome, Workshop, nmse_outside
from rep4ex_bench.leaderboard.attacks.clocks import WORK_SECONDS, Cacher, LazyFit, TimerPatcher
from rep4ex_bench.leaderboard.attacks.thieves import (
    ChannelThief,
    FileThief,
    MemoryThief,
    SeedGuesser,
    StackThief,
    Thief,
)
from rep4ex_bench.method import Method
from rep4ex_bench.running.cell import CellResult, run_cell
from rep4ex_bench.running.suite import canonical_parameters

_BOUNDARY = "running/isolation/: the method's process was forked from one that never held a cell"
_STOLEN = 0.5  # a prediction of 0 everywhere has an error above 1


class _Theft(MethodAttack):
    aim: ClassVar[str] = "the truth itself as the prediction"
    thief: ClassVar[type[Thief]]

    def methods(self, workshop: Workshop) -> list[Method]:
        """Return the thief."""
        return [self.thief()]

    def outcome(self, results: list[CellResult], workshop: Workshop) -> Outcome:
        """Say whether its error is that of a prediction of 0."""
        error = nmse_outside(results[0])
        return Outcome(error > _STOLEN, f"its nMSE outside is {error:.3g}")


class ReadsStack(_Theft):
    """Walks up the stack."""

    name: ClassVar[str] = "reads the truth through the stack"
    defence: ClassVar[str] = _BOUNDARY
    thief: ClassVar[type[Thief]] = StackThief


class ReadsMemory(_Theft):
    """Looks through all objects of its process."""

    name: ClassVar[str] = "reads the task and its oracle from memory"
    defence: ClassVar[str] = _BOUNDARY
    thief: ClassVar[type[Thief]] = MemoryThief


class ReadsFiles(_Theft):
    """Looks for earlier results of the same seed."""

    name: ClassVar[str] = "reads the truth from files"
    defence: ClassVar[str] = (
        "reveal.py and verify.py: ranking seeds are new, and nothing is written while methods run"
    )

    def methods(self, workshop: Workshop) -> list[Method]:
        """Return the thief, who knows where the run on public seeds lies."""
        return [FileThief(str(workshop.run))]


class GuessesSeed(_Theft):
    """Samples the public scenario with every small seed."""

    name: ClassVar[str] = "guesses the generator's seed"
    defence: ClassVar[str] = "reveal.py: ranking seeds follow from a hash and a later public value"

    def methods(self, workshop: Workshop) -> list[Method]:
        """Return the guesser, who knows the scenario."""
        (scenario,) = workshop.suite.scenarios.values()
        return [SeedGuesser(scenario.name, canonical_parameters(scenario))]


class SpeaksPickle(MethodAttack):
    """Sends the scoring process a pickle."""

    name: ClassVar[str] = "pickled code in an answer to the judge"
    aim: ClassVar[str] = "code that runs where the truth is"
    defence: ClassVar[str] = "running/isolation/channel.py: answers are JSON and raw numbers"

    def methods(self, workshop: Workshop) -> list[Method]:
        """Return a method that writes into its channel."""
        return [ChannelThief(str(self._marker(workshop)))]

    def outcome(self, results: list[CellResult], workshop: Workshop) -> Outcome:
        """Say whether the code ran, and whether the cell is a failure."""
        if self._marker(workshop).exists():
            return Outcome(False, "its code ran")
        record = results[0].records[0]
        return Outcome(record.status == "failed", f"the cell {record.status}: {record.error}")

    def undefended(self, workshop: Workshop) -> list[CellResult] | None:
        """Return None: in one process there is no channel."""
        return None

    def _marker(self, workshop: Workshop) -> Path:
        return workshop.folder / "made-by-a-pickle"


class PatchesTimer(MethodAttack):
    """Stops the clock."""

    name: ClassVar[str] = "a patched timer"
    aim: ClassVar[str] = "a place on the cost axis that it does not have"
    defence: ClassVar[str] = "running/cell.py: the judge's clock, in another process"

    def methods(self, workshop: Workshop) -> list[Method]:
        """Return the patcher."""
        return [TimerPatcher()]

    def outcome(self, results: list[CellResult], workshop: Workshop) -> Outcome:
        """Say whether its fit took as long as it did."""
        seconds = results[0].records[0].fit_seconds
        return Outcome(
            seconds >= WORK_SECONDS, f"{seconds:.2f} s of at least {WORK_SECONDS} s were seen"
        )

    def undefended(self, workshop: Workshop) -> list[CellResult]:
        """Run in this process, and mend its clocks afterwards."""
        clocks = {
            n: getattr(time, n) for n in ("perf_counter", "monotonic", "time", "process_time")
        }
        try:
            return [run_cell(cell, "cpu") for cell in workshop.cells(self.methods(workshop), 0)]
        finally:
            for clock, function in clocks.items():
                setattr(time, clock, function)


class MovesWork(MethodAttack):
    """Works when the numbers are read."""

    name: ClassVar[str] = "lazy work moved out of the timed region"
    aim: ClassVar[str] = PatchesTimer.aim
    defence: ClassVar[str] = (
        "running/cell.py: prediction ends when float64 numbers have arrived; both count"
    )

    def methods(self, workshop: Workshop) -> list[Method]:
        """Return the lazy method."""
        return [LazyFit()]

    def outcome(self, results: list[CellResult], workshop: Workshop) -> Outcome:
        """Say whether fit and prediction together took as long as they did."""
        record = results[0].records[0]
        seconds = record.fit_seconds + record.predict_seconds
        return Outcome(
            seconds >= WORK_SECONDS, f"{seconds:.2f} s of at least {WORK_SECONDS} s were seen"
        )

    def undefended(self, workshop: Workshop) -> list[CellResult] | None:
        """Return None: the clock stands around the conversion to numbers in any process."""
        return None


class Caches(MethodAttack):
    """Remembers across cells."""

    name: ClassVar[str] = "caches answers across cells"
    aim: ClassVar[str] = "a fit that costs nothing because an earlier cell did it"
    defence: ClassVar[str] = (
        "running/isolation/fork_server.py: a fresh process and a scratch home for every cell"
    )

    def methods(self, workshop: Workshop) -> list[Method]:
        """Return the same work for two cells."""
        return [Cacher(0), Cacher(1)]

    def outcome(self, results: list[CellResult], workshop: Workshop) -> Outcome:
        """Say whether both cells did the work."""
        seconds = [result.records[0].fit_seconds for result in results]
        shown = ", ".join(f"{s:.2f}" for s in seconds)
        return Outcome(min(seconds) >= WORK_SECONDS, f"the fits took {shown} s")

    def undefended(self, workshop: Workshop) -> list[CellResult]:
        """Run both cells in this process, in a folder of their own."""
        before = os.getcwd(), os.environ.get("HOME"), tempfile.tempdir
        folder = tempfile.mkdtemp(dir=workshop.folder)
        try:
            os.chdir(folder)
            os.environ["HOME"] = tempfile.tempdir = folder
            return [run_cell(cell, "cpu") for cell in workshop.cells(self.methods(workshop), 0)]
        finally:
            os.chdir(before[0])
            tempfile.tempdir = before[2]
            if before[1] is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = before[1]


BY_METHODS = (
    ReadsStack,
    ReadsMemory,
    ReadsFiles,
    GuessesSeed,
    SpeaksPickle,
    PatchesTimer,
    MovesWork,
    Caches,
)
