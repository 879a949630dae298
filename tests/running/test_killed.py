"""A runner that is ended by SIGKILL, at random instants: nothing lost, nothing twice."""

import random
import sys
from pathlib import Path

import pandas as pd

from rep4ex_bench.files import is_unfinished
from rep4ex_bench.records.predictions import read_predictions
from rep4ex_bench.records.records import read_records
from rep4ex_bench.running.runner import run_suite

sys.path.insert(0, str(Path(__file__).parent))
from killing import duration, run_for, server
from tiny import tiny_suite, with_method

KILLS, IN_MID_RUN = 15, 4  # at least; `tools/pages/reliability.py` does more
MOST_KILLS = 400
SUITE = tiny_suite(seeds=4, timeout_seconds=20) + with_method("oracle_control_function")
# when and how, not what
VOLATILE = ["fit_seconds", "predict_seconds", "process_seconds", "peak_memory_bytes", "finished_at"]


def finished(folder):
    """Each finished cell's file, by key, with what would change if it were written again."""
    files = (folder / "cells").glob("*/*/records.parquet")
    return {f.parent.name: (f.stat().st_ino, f.stat().st_mtime_ns, f.read_bytes()) for f in files}


def test_at_random_instants(tmp_path):
    suite = tmp_path / "tiny.toml"
    suite.write_text(SUITE)
    context = server()
    duration(context, suite, tmp_path / "warm")
    whole = duration(context, suite, tmp_path / "undisturbed")
    reference = read_records(tmp_path / "undisturbed" / "records.parquet").drop(columns=VOLATILE)
    predictions = read_predictions(tmp_path / "undisturbed" / "predictions.parquet")
    instants = random.Random(20261125)
    kills, ends, in_mid_run = 0, 0, 0
    before: dict = {}
    folder = tmp_path / "0"
    while True:
        # how often a kill meets a run in its middle depends on the machine
        enough = kills >= MOST_KILLS or (kills >= KILLS and in_mid_run >= IN_MID_RUN)
        if enough and not before:
            break
        seconds = 300 if enough else instants.uniform(0, whole)
        killed = run_for(context, seconds, suite, folder)
        after = finished(folder)
        # what was finished is there, and it is the very file
        assert {key: after.get(key) for key in before} == before
        kills += killed
        in_mid_run += killed and 0 < len(after) < 12
        before = after
        if killed:
            continue
        ends += 1
        records = read_records(folder / "records.parquet")
        pd.testing.assert_frame_equal(records.drop(columns=VOLATILE), reference)
        pd.testing.assert_frame_equal(read_predictions(folder / "predictions.parquet"), predictions)
        assert records["cell_key"].nunique() == len(after) == 12
        assert not [file for file in folder.rglob(".*") if is_unfinished(file)]
        folder, before = tmp_path / str(ends), {}
    assert ends > 1
    assert in_mid_run >= IN_MID_RUN


def test_what_was_being_written_is_no_obstacle(tmp_path):
    suite, folder = tmp_path / "tiny.toml", tmp_path / "out"
    suite.write_text(SUITE)
    folder.mkdir()
    left = [folder / f".{name}.ab12_xyz" for name in ("run.json", "suite.toml", "records.parquet")]
    for file in left:
        file.write_bytes(b"half")
    run = run_suite(suite, folder, methods=["constant_mean"], seeds=1, workers=1)
    assert (run.cells, run.failed) == (1, 0)
    assert not any(file.exists() for file in left)
