"""Records made up for results: 2 scenarios, 7 seeds, every role, and all that can go wrong."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from rep4ex_bench.records.records import Record, records_table, write_table
from rep4ex_bench.results import Results
from rep4ex_bench.running.run_folder import RunFolder

HOSTILE = r"_50% of $x$ & <b>#{~^}\ | *y* [z]`"
SCENARIOS = ("linear & plain", "[photo]_2")
SEEDS = range(7)
DISTANCES = (0.0, 0.5, 1.0, 2.0, 3.0)
# label, role, size of its error
METHODS = (
    ("rep4ex", "method", 0.05),
    (HOSTILE, "method", 0.02),
    ("exploding", "method", 3e4),
    ("partial", "method", 0.5),
    ("oracle", "oracle", 0.004),
    ("constant_mean", "control", 1.0),
)
FAILED = (SCENARIOS[1], HOSTILE, 2)
MISSING = (SCENARIOS[1], "rep4ex", 4)
LEFT_OUT = (SCENARIOS[1], "partial")
ERROR = "DataError: <script>alert(1)</script> & more"


def record(scenario, method, seed, **changes):
    label, role, _ = method
    values = {
        "suite": "made-up",
        "scenario": "linear_action",
        "scenario_label": scenario,
        "scenario_parameters": "{}",
        "data_label": "synthetic",
        "truth_source": "closed form",
        "method": label,
        "method_label": label,
        "method_parameters": "{}",
        "role": role,
        "seed": seed,
        "cell_key": f"{scenario}/{label}/{seed}",
        "metric": "",
        "at": math.nan,
        "value": math.nan,
        "status": "ok",
        "error": "",
        "group_size": 1,
        "fit_seconds": 1.0 + seed,
        "predict_seconds": 0.25,
        "process_seconds": 1.5 + seed + len(label),
        "peak_memory_bytes": -1 if role == "control" else 2**20,
        "device": "cpu",
        "backend": "torch",
        "threads": 1,
        "hardware": "some processor",
        "versions": "{}",
        "git_commit": "",
        "protocol_version": 1,
        "data_hash": "",
        "finished_at": "2026-11-20T12:00:00+00:00",
    }
    return Record(**(values | changes))


def cell(scenario, method, seed, rng):
    label, role, size = method
    if (scenario, label, seed) == MISSING:
        return []
    if (scenario, label, seed) == FAILED:
        return [record(scenario, method, seed, status="failed", error=ERROR)]
    if (scenario, label) == LEFT_OUT:
        return [record(scenario, method, seed, status="not_applicable", error="needs <time>")]
    found = [
        record(scenario, method, seed, metric=name, value=size * factor * rng.lognormal(0, 0.3))
        for name, factor in (("nmse_outside", 1.0), ("nmse_inside", 0.1))
    ]
    for at in DISTANCES:
        value = size * math.exp(at - 1) * rng.lognormal(0, 0.3)
        found.append(record(scenario, method, seed, metric="nmse_by_distance", at=at, value=value))
    if role == "control":
        found.append(record(scenario, method, seed, metric="affine_r2", status="skipped"))
    else:
        value = 1 - 0.1 * rng.random()
        found.append(record(scenario, method, seed, metric="affine_r2", value=value))
        found.append(record(scenario, method, seed, metric="diagnostic:steps", value=100.0))
    return found


def made_up(seeds=SEEDS):
    rng = np.random.default_rng(0)
    rows = [
        one
        for scenario in SCENARIOS
        for method in METHODS
        for seed in seeds
        for one in cell(scenario, method, seed, rng)
    ]
    return records_table(rows)


@pytest.fixture(scope="session")
def records() -> pd.DataFrame:
    return made_up().to_pandas()


@pytest.fixture(scope="session")
def results(records) -> Results:
    return Results(records)


@pytest.fixture(scope="session")
def few_seeds() -> Results:
    return Results(made_up(range(3)).to_pandas())


@pytest.fixture(scope="session")
def nothing(records) -> Results:
    return Results(records.iloc[:0])


@pytest.fixture(scope="session")
def hostile():
    return HOSTILE


@pytest.fixture
def run_folder(tmp_path):
    """A run folder that holds the made-up records."""
    folder = tmp_path / "run"
    RunFolder.open(folder, "made-up", "Made up")
    write_table(made_up(), folder / "records.parquet")
    return folder
