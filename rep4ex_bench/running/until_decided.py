"""Adding seeds until two methods are separated, or a limit is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rep4ex_bench.boards.ranking.scores import scores
from rep4ex_bench.boards.ranking.sequential import Decision, decide, fewest_seeds
from rep4ex_bench.errors import OutputFolderError, UsageError
from rep4ex_bench.records.records import read_records
from rep4ex_bench.running.applicability import left_out
from rep4ex_bench.running.runner import Run, Watcher, run_suite
from rep4ex_bench.running.suite import Suite

MOST_SEEDS = 100
_BLOCK = 4  # seeds between two looks; the test is valid at any


def run_until_decided(
    suite: Suite,
    out: str | Path,
    first: str,
    second: str,
    *,
    scenarios: Sequence[str] = (),
    most_seeds: int = MOST_SEEDS,
    timeout_seconds: float | None = None,
    memory_gigabytes: float | None = None,
    device: str = "auto",
    executor: str = "local",
    workers: int | None = None,
    watcher: Watcher | None = None,
    force: bool = False,
    retry_failed: bool = False,
) -> tuple[Run, Decision]:
    """Run two methods on seed after seed until one is separated from the other.

    Args:
        suite: its first seeds are used first, then further ones.
        out: an output folder for this comparison alone: on the added seeds no other method has
            cells, and a leaderboard counts what is missing as failed.
        first: label or name of one method of the suite.
        second: of the other.
        scenarios: as of `run_suite`; a seed is one observation, over all of them.
        most_seeds: the limit.
        timeout_seconds, memory_gigabytes, device, executor, workers, watcher: as of `run_suite`.
        force, retry_failed: likewise, once for each seed.

    Raises:
        UsageError: not two methods, no scenario where both can be run, seeds that split one table,
            too low a limit, or what `run_suite` raises; above all `StaleCellsError`, since what is
            compared must be of one code on all seeds.
        OutputFolderError: the folder holds cells of other methods.
    """
    part = suite.narrowed(
        tuple(scenarios), (first, second), None, timeout_seconds, memory_gigabytes
    )
    if len(part.methods) != 2:
        raise UsageError(
            f"--until-decided compares two methods, got {', '.join(part.methods)}: give two labels"
        )
    if most_seeds < fewest_seeds():
        raise UsageError(
            f"no difference can be decided with fewer than {fewest_seeds()} seeds, "
            f"got a limit of {most_seeds}"
        )
    _refuse_nothing_in_common(part)
    _refuse_one_table(part)
    _refuse_others(Path(out), set(part.methods))
    labels = [
        next(label for label, method in part.methods.items() if wanted in (label, method.name))
        for wanted in (first, second)
    ]
    seeds, done = fewest_seeds(), 0
    run = partial(
        run_suite, out=out, device=device, executor=executor, workers=workers, watcher=watcher
    )
    while True:
        if force or retry_failed:  # only what was not computed by this call already
            fresh = replace(part, seeds=part.narrowed(seeds=seeds).seeds[done:])
            run(fresh, force=force, retry_failed=retry_failed)
        found = run(part, seeds=seeds)
        decision = decide(scores(found.records), labels[0], labels[1])
        if decision.winner is not None or seeds >= most_seeds:
            return found, decision
        seeds, done = min(most_seeds, seeds + _BLOCK), seeds


def decision_text(decision: Decision, first: str, second: str) -> str:
    """Return what was found, in words."""
    count = (
        f"after {decision.seeds} seeds ({first} wins {decision.wins} cells, loses "
        f"{decision.losses}; evidence {decision.evidence:.3g}, 20 decides)"
    )
    if decision.winner is None:
        return f"undecided {count}"
    other = second if decision.winner == first else first
    return f"{decision.winner} has the smaller error more often than {other}: decided {count}"


def _refuse_nothing_in_common(suite: Suite) -> None:
    apart = left_out(suite.scenarios, suite.methods)
    if all(any((s, m) in apart for m in suite.methods) for s in suite.scenarios):
        (_, method), why = next(iter(apart.items()))
        raise UsageError(
            f"two methods are compared where both can be run, which is nowhere: {method} is "
            f"{why.status.replace('_', ' ')} ({why.reason}); name other methods or scenarios"
        )


def _refuse_one_table(suite: Suite) -> None:
    for label, scenario in suite.scenarios.items():
        if scenario.checked_resampled_share() is not None:
            raise UsageError(
                f"--until-decided adds seeds, which must be independent; those of {label} split "
                "one table, and more of them are no more data: run it without --until-decided and "
                "read which pairs are decided, or name other scenarios"
            )


def _refuse_others(out: Path, methods: set[str]) -> None:
    if not (out / "records.parquet").exists():
        return
    others = set(read_records(out / "records.parquet")["method_label"]) - methods
    if others:
        raise OutputFolderError(
            f"{out} holds cells of {', '.join(sorted(others))}: a comparison of two methods needs "
            "a folder of its own, choose another --out"
        )
