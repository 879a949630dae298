"""Runs of the command that are ended at random instants, and begun again until they are through."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil

from rep4ex_bench.records.records import read_records

_SUITE = """\
name = "killed"
seeds = 4
timeout_seconds = 60
[[scenarios]]
name = "linear_action"
parameters = { n = 200, outcome = "bump" }
[[methods]]
name = "ols_on_actions"
[[methods]]
name = "mlp_on_actions"
[[methods]]
name = "constant_mean"
"""
_CELLS = 12
_WHEN_AND_HOW = [
    "fit_seconds",
    "predict_seconds",
    "process_seconds",
    "peak_memory_bytes",
    "finished_at",
    "group_size",
    "git_commit",
]
_PATIENCE = 60.0  # seconds; beyond it a process counts as left behind, a run as hanging


@dataclass
class Killing:
    """What came of ending runs.

    Attributes:
        whole_seconds: of a run that nothing disturbs.
        times: runs that were ended.
        in_mid_run: of them, those with some but not all cells finished.
        ends: runs that came to their end, each after those before it in its folder.
        lost: finished cells whose file was gone or was another one later.
        duplicates: records that were there twice at an end.
        wrong: ends whose records are not those of the undisturbed run.
        left: processes that lived on after their runner.
        longest: seconds from the signal to the runner's exit.
    """

    whole_seconds: float
    times: int = 0
    in_mid_run: int = 0
    ends: int = 0
    lost: int = 0
    duplicates: int = 0
    wrong: int = 0
    left: int = 0
    longest: float = 0.0


def killed_runs(folder: Path, times: int, rng: random.Random) -> Killing:
    """End runs by SIGKILL."""
    return _ended_runs(folder, times, rng, signal.SIGKILL)


def stopped_runs(folder: Path, times: int, rng: random.Random) -> Killing:
    """End runs by SIGINT, as Ctrl-C does."""
    return _ended_runs(folder, times, rng, signal.SIGINT)


def _ended_runs(folder: Path, times: int, rng: random.Random, how: signal.Signals) -> Killing:
    folder.mkdir(parents=True)
    (folder / "killed.toml").write_text(_SUITE)
    _finish(_start(folder, "warm"))
    start = time.monotonic()
    _finish(_start(folder, "undisturbed"))
    found = Killing(time.monotonic() - start)
    reference = _records(folder / "undisturbed")
    before: dict[str, tuple[int, int]] = {}
    while found.times < times or before:
        out = f"run-{found.ends}"
        runner = _start(folder, out)
        ended = found.times < times and _end(
            runner, rng.uniform(0, found.whole_seconds), how, found
        )
        if not ended:
            _finish(runner)
        after = _finished(folder / out)
        found.lost += sum(after.get(key) != file for key, file in before.items())
        before = after
        if ended:
            found.times += 1
            found.in_mid_run += 0 < len(after) < _CELLS
            print(f"{how.name} {found.times}: {len(after)} of {_CELLS} cells", flush=True)
            continue
        records = _records(folder / out)
        found.duplicates += int(records.duplicated(["cell_key", "metric", "at"]).sum())
        found.wrong += not records.equals(reference)
        found.ends += 1
        before = {}
    return found


def _start(folder: Path, out: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "rep4ex_bench.cli", "run", "killed.toml", "--workers", "2"]
    return subprocess.Popen(
        [*command, "--out", out],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _finish(runner: subprocess.Popen[bytes]) -> None:
    if status := runner.wait(10 * _PATIENCE):
        raise RuntimeError(f"a run that was left alone failed with exit status {status}")


def _end(
    runner: subprocess.Popen[bytes], seconds: float, how: signal.Signals, found: Killing
) -> bool:
    """Send the signal after so many seconds; say whether it found the runner running."""
    try:
        runner.wait(seconds)
    except subprocess.TimeoutExpired:
        family = psutil.Process(runner.pid).children(recursive=True)
        sent = time.monotonic()
        runner.send_signal(how)
        runner.wait(_PATIENCE)
        found.longest = max(found.longest, time.monotonic() - sent)
        found.left += len(psutil.wait_procs(family, timeout=_PATIENCE)[1])
        if runner.returncode != 0:
            return True
    if runner.returncode:
        raise RuntimeError(f"a run that was left alone failed with status {runner.returncode}")
    return False


def _finished(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what tells the file of each finished cell from another one, by key."""
    files = (folder / "cells").glob("*/*/records.parquet")
    return {file.parent.name: (file.stat().st_ino, file.stat().st_mtime_ns) for file in files}


def _records(folder: Path) -> pd.DataFrame:
    return read_records(folder / "records.parquet").drop(columns=_WHEN_AND_HOW)
