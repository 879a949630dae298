"""Ctrl-C: the command ends, says how to go on, leaves no process, and loses no finished cell."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

SUITE = """\
name = "slow"
seeds = 400
timeout_seconds = 60
[[scenarios]]
name = "linear_action"
parameters = { n = 200, outcome = "bump" }
[[methods]]
name = "ols_on_actions"
"""
_LONGEST = 60.0


def wait_until(condition, what):
    end = time.monotonic() + _LONGEST
    while not condition():
        assert time.monotonic() < end, f"never happened: {what}"
        time.sleep(0.05)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(tmp_path):
    (tmp_path / "slow.toml").write_text(SUITE)
    command = [sys.executable, "-m", "rep4ex_bench.cli", "run", "slow.toml", "--out", "out"]
    running = subprocess.Popen(
        [*command, "--workers", "1"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        finished = tmp_path / "out" / "cells"
        wait_until(lambda: len(list(finished.glob("*/*/records.parquet"))) >= 2, "two cells")
        children = psutil.Process(running.pid).children(recursive=True)
        os.kill(running.pid, signal.SIGINT)
        _, told = running.communicate(timeout=_LONGEST)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 130
    assert "finished cells are kept, the same command goes on" in told
    assert "Traceback" not in told
    _, alive = psutil.wait_procs(children, timeout=_LONGEST)
    assert alive == []
    kept = len(list(finished.glob("*/*/records.parquet")))
    again = subprocess.run(
        [*command, "--seeds", "2"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0
    assert "2 cells, 2 of them finished before" in again.stderr
    assert kept >= 2
