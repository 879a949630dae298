"""What the runner costs a cell beside the cell's own work, measured in turns in one process."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from rep4ex_bench.evaluation import evaluate
from rep4ex_bench.metric import Evaluation
from rep4ex_bench.running.executors.worker import warm_up
from rep4ex_bench.running.isolation.fork_server import ForkServer
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import Cell, Suite, parse_suite
from rep4ex_bench.seeding import derive_seed

_SUITE = """\
name = "overhead"
seeds = 40
timeout_seconds = 60
[[scenarios]]
name = "linear_action"
parameters = {{ n = {n}, outcome = "bump" }}
[[methods]]
name = "{method}"
"""
_ROUNDS = 5
_CASES = (("constant_mean", 200), ("ols_on_actions", 200), ("ols_on_actions", 10_000))


class _Clock:
    """A watcher that notes when cells start and end, and when the last one is on the disk."""

    def __init__(self) -> None:
        self.first_start = self.first_end = self.last_end = 0.0

    def planned(self, cells: Sequence[Cell], reused: int) -> None:
        """Say nothing."""

    def left_out(self, not_applicable: int, unavailable: int) -> None:
        """Say nothing."""

    def started(self, cell: Cell) -> None:
        """Note the first."""
        self.first_start = self.first_start or time.perf_counter()

    def finished(self, cell: Cell, status: str) -> None:
        """Note the first and the last."""
        self.last_end = time.perf_counter()
        self.first_end = self.first_end or self.last_end


def overhead_section() -> list[str]:
    """Return the table of costs per cell."""
    torch.set_num_threads(1)
    warm_up()
    lines = [
        "## Cost of the runner per cell",
        "",
        "Milliseconds a cell, one worker, medians of "
        f"{_ROUNDS} rounds in which both took turns with the same 40 cells. Directly: sample the "
        "task, fit, predict and score in one process, with nothing kept. By the runner: a process "
        "for the method and one for the judge, limits, records and predictions on the disk (with "
        "fsync), from the end of the first cell to that of the last. In fresh processes: the "
        "direct work, each cell's in a process that is forked for it and ends with it, after a "
        "second one that does nothing; less directly, that is what starting processes costs (a "
        "forked process copies each page that it touches). Overhead: by the runner, less in fresh "
        "processes. Where a second core is free, the runner starts both processes side by side, "
        "and may so be the faster one; on one core, as when every core has a worker of its own, it "
        "cannot. A worker itself starts once, with all imports: its first cell ended after the "
        "seconds in the last column.",
        "",
        "| method | rows | cores | directly | in fresh processes | by the runner | overhead "
        "| first cell, seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cores in _sets_of_cores():
        for method, n in _CASES:
            suite = parse_suite(_SUITE.format(method=method, n=n), "overhead")
            direct, fresh, runner, first = _measured(suite, cores)
            lines.append(
                f"| {method} | {n} | {len(cores)} | {direct * 1e3:.1f} | {fresh * 1e3:.1f} "
                f"| {runner * 1e3:.1f} | {(runner - fresh) * 1e3:.1f} | {first:.1f} |"
            )
            print(lines[-1], flush=True)
    return lines


def _sets_of_cores() -> list[set[int]]:
    """Return one of the cores that this process may use, and all of them if there are more."""
    whole = os.sched_getaffinity(0)
    return [{min(whole)}, *([whole] if len(whole) > 1 else [])]


def _measured(suite: Suite, cores: set[int]) -> tuple[float, ...]:
    """Return seconds a cell directly, in fresh processes, by the runner, and of the first cell."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)  # what is started from now on inherits it
    try:
        fork_server = ForkServer([], confined=False)
        rounds = [
            (
                _timed(_directly, suite),
                _timed(partial(_in_fresh_processes, fork_server), suite),
                *_by_the_runner(suite),
            )
            for _ in range(_ROUNDS)
        ]
    finally:
        os.sched_setaffinity(0, before)
    return tuple(statistics.median(column) for column in zip(*rounds, strict=True))


def _timed(call: Callable[[Suite], int], suite: Suite) -> float:
    """Return the seconds a cell."""
    start = time.perf_counter()
    cells = call(suite)
    return (time.perf_counter() - start) / cells


def _directly(suite: Suite) -> int:
    cells = suite.cells()
    for cell in cells:
        _work(cell)
    return len(cells)


def _work(cell: Cell) -> None:
    task = cell.scenario.sample(cell.seed)
    fitted = cell.method.fit(task.train, cell.seed, "cpu")
    prediction = fitted.predict_do(torch.from_numpy(task.queries.actions).float())
    seed = derive_seed(cell.seed, "evaluation")
    evaluate(Evaluation(task, fitted, prediction, seed), list(cell.metrics))


def _in_fresh_processes(fork_server: ForkServer, suite: Suite) -> int:
    cells = suite.cells()
    for cell in cells:
        fork_server.start(0, tempfile.gettempdir()).close()
        fork_server.started()
        child = os.fork()
        if child == 0:
            try:
                _work(cell)
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        fork_server.end()
        if status:
            raise RuntimeError("a cell failed in a process of its own")
    return len(cells)


def _by_the_runner(suite: Suite) -> tuple[float, float]:
    """Return the seconds a cell, and those until the first had ended."""
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        run = run_suite(suite, Path(folder) / "out", workers=1, watcher=clock)
    if run.failed:
        raise RuntimeError(f"{run.failed} cells failed")
    return (
        (clock.last_end - clock.first_end) / (run.cells - 1),
        clock.first_end - clock.first_start,
    )
