"""A run with a faulty method in it, held against one without."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from _faults import ENDLESS, FILLS_THE_DISK, Faulty
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running.runner import Run, run_suite
from rep4ex_bench.running.suite import Suite, parse_suite

_SUITE = """\
name = "faults"
seeds = {seeds}
timeout_seconds = {seconds}
[resources]
memory_gigabytes = 0.5
[[scenarios]]
name = "linear_action"
parameters = {{ n = 200, outcome = "bump" }}
[[methods]]
name = "ols_on_actions"
[[methods]]
name = "faulty"
parameters = {{ fault = "{fault}" }}
[[methods]]
name = "constant_mean"
"""
_WHAT_COUNTS = ["cell_key", "method", "seed", "metric", "at", "value", "status", "data_hash"]


@dataclass(frozen=True)
class Survived:
    """What came of a fault.

    Attributes:
        times: how often it was injected.
        said: status and error of its records, each once, shortened.
        lost: cells without a record.
        wrong: values of honest methods that differ from the undisturbed run's.
    """

    times: int
    said: list[tuple[str, str]]
    lost: int
    wrong: int


def survive(folder: Path, fault: str, times: int) -> Survived | None:
    """Inject a fault so many times; None where this machine does not allow it."""
    if "faulty" not in METHODS.names():
        METHODS.register(Faulty)
    seconds = 6 if fault in ENDLESS else 60
    suite = parse_suite(_SUITE.format(seeds=times, seconds=seconds, fault=fault), "faults")
    reference = run_suite(
        suite, folder / "reference", methods=["ols_on_actions", "constant_mean"], workers=2
    )
    if fault == FILLS_THE_DISK:
        with small_disk(folder / "disk") as disk:
            if disk is None:
                return None
            run = run_suite(suite, folder / "run", workers=2)
    else:
        run = run_suite(suite, folder / "run", workers=2)
    return Survived(times, _said(run), _lost(suite, run), wrong_numbers(run, reference))


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Let temporary files be on a disk of 200 MB meanwhile, if this process may mount one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        yield None
        return
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        yield folder
    finally:
        os.environ.pop("TMPDIR")
        if before is not None:
            os.environ["TMPDIR"] = before
        subprocess.run(["umount", str(folder)], check=True)


def _said(run: Run) -> list[tuple[str, str]]:
    own = run.records[(run.records["method"] == "faulty") & (run.records["status"] != "skipped")]
    found = [
        (str(status), str(error).splitlines()[0][:110] if error else "")
        for status, error in zip(own["status"], own["error"], strict=True)
    ]
    # figures differ from one time to the next; the first stands for all
    return list({status: (status, error) for status, error in reversed(found)}.values())


def _lost(suite: Suite, run: Run) -> int:
    return len({cell.key for cell in suite.cells()} - set(run.records["cell_key"]))


def wrong_numbers(run: Run, reference: Run) -> int:
    """Return how many values of the reference the run lacks or has otherwise."""
    kept = run.records[run.records["cell_key"].isin(set(reference.records["cell_key"]))]
    ours, theirs = (_values(frame) for frame in (kept, reference.records))
    return len(theirs - ours) + len(ours - theirs)


def _values(records: pd.DataFrame) -> set[tuple[str, ...]]:
    """Return what counts of each record as text, by which NaN equals NaN and bits are told."""
    rows = records[_WHAT_COUNTS].itertuples(index=False)
    return {tuple(v.hex() if isinstance(v, float) else str(v) for v in row) for row in rows}
