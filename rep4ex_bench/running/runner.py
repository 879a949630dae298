"""suite -> cells -> executor -> records; again with the same folder computes what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

import pandas as pd

from rep4ex_bench.boards.report import write_report
from rep4ex_bench.boards.report.checks_section import ScenarioCheck
from rep4ex_bench.errors import UsageError
from rep4ex_bench.paper import noted
from rep4ex_bench.results import Results
from rep4ex_bench.running.cell import CellResult
from rep4ex_bench.running.cell_log import failure_of
from rep4ex_bench.running.executors.choice import make_executor
from rep4ex_bench.running.failed_cells import FailedCell, failed_cells
from rep4ex_bench.running.origin import Origin
from rep4ex_bench.running.progress import ProgressWatcher, progress_console
from rep4ex_bench.running.reuse.choice import Choice, Chooser, notes
from rep4ex_bench.running.reuse.conditions import Conditions
from rep4ex_bench.running.reuse.sources import Sources
from rep4ex_bench.running.run_folder import RunFolder
from rep4ex_bench.running.suite import Cell, Suite, load_suite


class Watcher(Protocol):
    """Is told how a run goes on; `ProgressWatcher` (`progress.py`) shows it."""

    def planned(self, cells: Sequence[Cell], reused: int) -> None:
        """Say which cells are to be computed and how many more were finished before."""

    def left_out(self, not_applicable: int, unavailable: int) -> None:
        """Say how many more cells are left out of the run; called where there are any."""

    def started(self, cell: Cell) -> None:
        """Say that a cell started."""

    def finished(self, cell: Cell, status: Literal["ok", "failed"]) -> None:
        """Say that a cell ended; its records are on the disk."""


@dataclass(frozen=True)
class Run:
    """What a run came to.

    Attributes:
        folder: the output folder.
        records: of all finished cells of the suite in that folder.
        cells: number of cells that were asked for.
        reused: how many of them were finished before.
        failed: how many of them failed, or have a metric that did.
        not_applicable: how many are left out since the method does not apply to the scenario.
        unavailable: how many are left out since the method or a package of it is not installed.
        notes: what should be known of the finished cells that were reused, each in one line.
        failures: the cells that failed, each with its reason, traceback and log.
    """

    folder: Path
    records: pd.DataFrame
    cells: int
    reused: int
    failed: int
    not_applicable: int = 0
    unavailable: int = 0
    notes: tuple[str, ...] = ()
    failures: tuple[FailedCell, ...] = ()

    @cached_property
    def results(self) -> Results:
        """Everything that the records say, as tables: scores, pairs, costs, failures and so on."""
        return Results(self.records)

    def leaderboard(self) -> pd.DataFrame:
        """Return one row per scenario and method; see `Results.leaderboard`."""
        return self.results.leaderboard()

    def scores(self, metric: str = "nmse_outside") -> pd.DataFrame:
        """Return one row per scenario, method and seed; see `Results.scores`."""
        return self.results.scores(metric)

    def pairs(self) -> pd.DataFrame:
        """Return one row per scenario and pair of methods; see `Results.pairs`."""
        return self.results.pairs()

    def _repr_html_(self) -> str:
        return self.results._repr_html_()


def run_suite(
    suite: str | Path | Suite,
    out: str | Path,
    *,
    scenarios: Sequence[str] = (),
    methods: Sequence[str] = (),
    seeds: int | None = None,
    timeout_seconds: float | None = None,
    memory_gigabytes: float | None = None,
    device: str = "auto",
    executor: str = "local",
    workers: int | None = None,
    watcher: Watcher | None = None,
    progress: bool = False,
    force: bool = False,
    retry_failed: bool = False,
) -> Run:
    """Run a suite (or a part of it) into an output folder, as the command `rep4ex-bench run` does.

    Args:
        suite: name of an installed suite, a TOML file, or a `Suite`.
        out: output folder; finished cells in it are reused.
        scenarios: labels or names to run; empty means all.
        methods: likewise.
        seeds: how many seeds; None means the suite's.
        timeout_seconds: limit per cell; None means the suite's.
        memory_gigabytes: likewise, in GiB; where neither names one, the memory of the machine over
            its workers.
        device: "auto", "cpu" or "cuda".
        executor: "local", "ray" or "slurm".
        workers: worker processes; None means one per core of the machine or of the cluster.
        watcher: is told how it goes on.
        progress: show how it goes on: a bar on a terminal, and in a notebook that has ipywidgets; a
            line per cell on standard error elsewhere. Takes the place of a watcher.
        force: compute all that is asked for, finished or not.
        retry_failed: compute again what failed; without it, only where a limit, the environment
            or the code is other than it was then.

    Raises:
        UsageError: anything asked for that does not exist or fit; nothing was run or written.
        StaleCellsError: finished cells in the folder were computed by code that has changed since;
            nothing was run.
        DataError: a table of the user's that cannot be used; nothing was run.
        OutputFolderError: the folder is another suite's, or another runner is writing to it.
        OutputWriteError: the disk is full; finished cells are kept.
    """
    watched = _watched(watcher, progress)
    whole = suite if isinstance(suite, Suite) else load_suite(suite)
    part = whole.narrowed(
        tuple(scenarios), tuple(methods), seeds, timeout_seconds, memory_gigabytes
    )
    engine = make_executor(executor, device, workers, Path(out))
    if executor == "local":
        part.resources.require_gpus()
    folder = RunFolder.open(Path(out), whole.name, whole.title)
    sources, conditions = Sources(), Conditions(device, workers)
    with folder.held(), watched as told:
        cells = part.cells()
        chooser = Chooser(folder, sources, conditions)
        choice = chooser.choose(cells, force, retry_failed)
        folder.keep_suite(whole.text)
        apart = Counter(cell.left_out.status for cell in choice.left_out if cell.left_out)
        if told is not None:
            told.planned(choice.computed, choice.reused)
            if apart:
                told.left_out(apart["not_applicable"], apart["unavailable"])
        if choice.computed:
            _keep_origins(folder, part, choice, sources)
            engine.run(choice.computed, *_callbacks(folder, sources, conditions, told))
        # the report shows all that the folder holds of the suite, not only this call's part
        everything = whole.narrowed(seeds=max(len(whole.seeds), len(part.seeds))).cells()
        folder.collect(_to_collect(everything, part, folder))
        keys = {cell.key for cell in cells}
        others = chooser.stale_places(cell for cell in everything if cell.key not in keys)
        records, _ = _write_report(folder, whole.name, whole.title)
    bad = failed_cells(folder, records, keys)
    return Run(
        folder=folder.path,
        records=records,
        cells=len(cells),
        reused=choice.reused,
        failed=len(bad),
        not_applicable=apart["not_applicable"],
        unavailable=apart["unavailable"],
        notes=notes(folder, choice, others),
        failures=bad,
    )


def _watched(
    watcher: Watcher | None, progress: bool
) -> AbstractContextManager[Watcher | None, None]:
    """Return a context that gives what is told how the run goes on."""
    if not progress:
        return nullcontext(watcher)
    if watcher is not None:
        raise UsageError("a watcher takes the place of the progress shown: give one of the two")
    return ProgressWatcher(progress_console())


def _keep_origins(folder: RunFolder, part: Suite, choice: Choice, sources: Sources) -> None:
    """Keep what cells will be computed by, before any is: their code, and a user's data."""
    for digest in {sources.of(cell) for cell in choice.computed}:
        folder.keep_source(digest, sources.documents[digest])
    folder.keep_checks(_checks(part))


def _checks(suite: Suite) -> list[ScenarioCheck]:
    """Return what can be said of the user's data in a suite."""
    return [
        ScenarioCheck(label, check.assumption, check.verdict, check.finding)
        for label, scenario in suite.scenarios.items()
        for check in scenario.data_checks()
    ]


def _to_collect(everything: list[Cell], part: Suite, folder: RunFolder) -> list[Cell]:
    """Return the cells without those that are left out and belong to nothing that was ever run.

    A method that nobody asked for yet has no records: empty fields alone would make it one whose
    other cells are missing. The same goes for a scenario's seeds.
    """
    if all(cell.left_out is None for cell in everything):
        return everything
    finished = [cell for cell in everything if folder.is_finished(cell)]
    methods = {*part.methods, *(cell.method_label for cell in finished)}
    seeds = {(scenario, seed) for scenario in part.scenarios for seed in part.seeds}
    seeds |= {(cell.scenario_label, cell.seed) for cell in finished}
    return [
        cell
        for cell in everything
        if cell.left_out is None
        or (cell.method_label in methods and (cell.scenario_label, cell.seed) in seeds)
    ]


def _callbacks(
    folder: RunFolder, sources: Sources, conditions: Conditions, watcher: Watcher | None
) -> tuple[Callable[[Cell], None], Callable[[Cell, CellResult], None]]:
    def on_start(cell: Cell) -> None:
        if watcher is not None:
            watcher.started(cell)

    def on_done(cell: Cell, result: CellResult) -> None:
        bad = failure_of(result)
        origin = Origin(
            source=sources.of(cell),
            status=bad or "ok",
            unsettled=sources.have_changed(),
            conditions=conditions.of(cell) if bad else {},
            trace=result.trace,
        )
        folder.write(cell, result, origin)
        if watcher is not None:
            watcher.finished(cell, "failed" if bad else "ok")

    return on_start, on_done


def _write_report(folder: RunFolder, name: str, title: str) -> tuple[pd.DataFrame, Path]:
    records, predictions = folder.read_collected()
    path = folder.path / "report.html"
    checks = folder.read_checks()
    write_report(path, records, predictions, name, noted(name, title), checks)
    return records, path


def rebuild_report(path: Path) -> tuple[pd.DataFrame, Path]:
    """Make the report of a run folder anew; return its records and the report's path.

    Raises:
        OutputFolderError: no run folder.
        RecordsError: its records cannot be read.
    """
    folder = RunFolder(path)
    return _write_report(folder, *folder.suite_name_and_title())
