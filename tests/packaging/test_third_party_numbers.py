"""A metric and a diagnostic of another package: one file and an entry point, and nothing else."""

import os
import subprocess
import sys

import pytest

from rep4ex_bench.records.records import read_records

NUMBERS = '''
import numpy as np
from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.metric import Metric


class WorstError(Metric):
    """Largest absolute error."""

    name = "toy_worst"
    title = "largest error"
    heading = "toy\\nworst"

    def compute(self, evaluation):
        return np.abs(evaluation.prediction - evaluation.task.truth.values).max()


class Largest(Diagnostic):
    """Largest absolute prediction."""

    name = "toy_largest"
    title = "largest absolute prediction"
    heading = "toy\\nlargest"

    def compute(self, evaluation):
        return np.abs(evaluation.prediction).max()
'''
SUITE = """
name = "toy"
seeds = 1
metrics = ["nmse_outside", "toy_worst"]
[[scenarios]]
name = "linear_action"
parameters = { n = 100, outcome = "bump" }
[[methods]]
name = "constant_mean"
"""
ENTRY_POINTS = """
[rep4ex_bench.metrics]
toy_worst = toy_numbers:WorstError
[rep4ex_bench.diagnostics]
toy_largest = toy_numbers:Largest
toy_broken = toy_absent:Broken
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """The command, run with a toy package as an installer lays it out."""
    folder = tmp_path_factory.mktemp("toy")
    metadata = folder / "site" / "toy-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "site" / "toy_numbers.py").write_text(NUMBERS)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "toy.toml").write_text(SUITE)
    done = subprocess.run(
        [sys.executable, "-m", "rep4ex_bench.cli", "run", "toy.toml", "--out", "run"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "site"), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


def test_both_reach_the_records_and_what_is_broken_stops_nothing(result):
    records = read_records(result[0] / "records.parquet").set_index("metric")
    assert records.loc["toy_worst", "status"] == "ok"
    assert records.loc["diagnostic:toy_largest", "value"] > 0
    broken = records.loc["diagnostic:toy_broken"]
    assert broken["status"] == "failed"
    assert "cannot be imported" in broken["error"]
    assert "toy_absent" in broken["error"]


def test_both_reach_the_report_and_the_metric_the_terminal(result):
    folder, printed = result
    page = (folder / "report.html").read_text()
    assert "toy worst</th>" in page
    assert "toy largest</th>" in page.partition('<section id="diagnostics"')[2]
    assert "toy_absent" in page.partition('<section id="failures"')[2]
    assert "largest error; lower is better." in printed
    assert "1/1" in printed
    assert "largest absolute prediction" not in printed
