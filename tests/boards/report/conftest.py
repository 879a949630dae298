"""A run made up for the report: 2 scenarios, 5 methods, 3 seeds, and all that can go wrong."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from rep4ex_bench.records.predictions import PREDICTION_SCHEMA
from rep4ex_bench.records.records import Record, records_table

HOSTILE = "<script>window.hacked = 1</script>\"'&<img src=x onerror=hacked=1>"
EXPLODING = "exploding_network"
SCENARIOS = (("linear_action softplus", "synthetic"), ("photo", "semi-synthetic, real features"))
# label, role, size of its error at the edge of the support, growth beyond it, affine R^2
METHODS = (
    ("rep4ex", "method", 0.01, 1.0, 0.97),
    (HOSTILE, "method", 0.02, 2.5, 0.62),
    (EXPLODING, "method", 0.02, 12.0, None),
    ("constant_mean", "control", 0.9, 0.4, None),
    ("oracle_control_function", "oracle", 0.004, 0.5, 1.0),
)
DISTANCES = np.arange(0.0, 3.01, 0.25)
FAILED = (SCENARIOS[1][0], HOSTILE, 2)
FAILURE = "DataError: features </script><script>window.hacked = 1</script> are not finite"


class MadeUpRun(NamedTuple):
    """What `render_report` is given, and the texts in it that tests look for."""

    records: pd.DataFrame
    predictions: pd.DataFrame
    hostile: str = HOSTILE
    exploding: str = EXPLODING
    failure: str = FAILURE


def _record(
    scenario: tuple[str, str], method: tuple[Any, ...], seed: int, **changes: Any
) -> Record:
    values: dict[str, Any] = {
        "suite": "made-up",
        "scenario": "linear_action",
        "scenario_label": scenario[0],
        "scenario_parameters": '{"k":2}',
        "data_label": scenario[1],
        "truth_source": "closed form",
        "method": "rep4ex",
        "method_label": method[0],
        "method_parameters": '{"latent_dim":null}',
        "role": method[1],
        "seed": seed,
        "cell_key": f"{SCENARIOS.index(scenario)}-{METHODS.index(method)}-{seed}",
        "metric": "",
        "at": math.nan,
        "value": math.nan,
        "status": "ok",
        "error": "",
        "group_size": 1,
        "fit_seconds": 1.25 + seed,
        "predict_seconds": 0.01,
        "process_seconds": 1.5 + seed,
        "peak_memory_bytes": 2**20,
        "device": "cpu",
        "backend": "torch",
        "threads": 1,
        "hardware": "some processor, 2 cores",
        "versions": json.dumps({"python": "3.13.1", "torch": "2.13.0"}),
        "git_commit": "0123456789abcdef",
        "protocol_version": 1,
        "data_hash": f"{seed:064d}",
        "finished_at": f"2026-11-2{seed}T12:00:00+00:00",
    }
    return Record(**(values | changes))


def _error(method: tuple[Any, ...], distance: float, rng: np.random.Generator) -> float:
    _, _, size, growth, _ = method
    outside = max(distance - 1.0, 0.0)
    return float(size * math.exp(growth * outside) * rng.lognormal(0.0, 0.3))


def _records_of_cell(
    scenario: tuple[str, str], method: tuple[Any, ...], seed: int, rng: np.random.Generator
) -> list[Record]:
    if (scenario[0], method[0], seed) == FAILED:
        return [_record(scenario, method, seed, status="failed", error=FAILURE, data_hash="")]
    curve = [_error(method, distance, rng) for distance in DISTANCES]
    outside = float(np.mean([v for v, at in zip(curve, DISTANCES, strict=True) if at > 1]))
    found = [
        _record(scenario, method, seed, metric="nmse_outside", value=outside),
        _record(scenario, method, seed, metric="nmse_inside", value=curve[0]),
    ]
    for at, value in zip(DISTANCES, curve, strict=True):
        found.append(
            _record(scenario, method, seed, metric="nmse_by_distance", at=float(at), value=value)
        )
    for metric in ("affine_r2", "affine_r2_do"):
        if method[4] is None:
            changes = {"status": "skipped", "error": "the method has no code"}
        else:
            changes = {"value": method[4] - 0.02 * seed - 0.03 * (metric == "affine_r2_do")}
        found.append(_record(scenario, method, seed, metric=metric, **changes))
    return found


def _predictions_of_cell(
    scenario: tuple[str, str], method: tuple[Any, ...], seed: int
) -> list[dict[str, Any]]:
    positions = np.linspace(-3.0, 3.0, 61)
    truth = np.log1p(np.exp(positions * (1 + 0.2 * seed)))
    size, growth = method[2], method[3]
    outside = np.maximum(np.abs(positions) - 1.0, 0.0)
    prediction = truth + np.sqrt(size) * np.exp(growth * outside / 2) * np.sign(positions) * 0.5
    if method[1] == "control":
        prediction = np.full_like(truth, truth.mean())
    if method[0] == EXPLODING:
        prediction[0], prediction[1] = np.nan, np.inf
    key = f"{SCENARIOS.index(scenario)}-{METHODS.index(method)}-{seed}"
    columns = zip(positions, truth, prediction, strict=True)
    rows = [
        {"query": i, "path_position": t, "distance": abs(t), "truth": y, "prediction": p}
        for i, (t, y, p) in enumerate(columns)
    ]
    rows.append(
        {"query": 61, "path_position": np.nan, "distance": 2.0, "truth": 1.0, "prediction": 1.0}
    )
    shared = {"cell_key": key, "actions": [0.0, 0.0], "truth_standard_error": 0.0}
    return [shared | row for row in rows]


@pytest.fixture(scope="session")
def run() -> MadeUpRun:
    rng = np.random.default_rng(0)
    records: list[Record] = []
    predictions: list[dict[str, Any]] = []
    for scenario in SCENARIOS:
        for method in METHODS:
            for seed in range(3):
                cell = _records_of_cell(scenario, method, seed, rng)
                records += cell
                if cell[0].status != "failed":
                    predictions += _predictions_of_cell(scenario, method, seed)
    frame = pd.DataFrame(predictions)[PREDICTION_SCHEMA.names]
    return MadeUpRun(records_table(records).to_pandas(), frame)
