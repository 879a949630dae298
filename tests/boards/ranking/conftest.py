"""Records made up for the ranking: what counts is scenario, method, seed, metric, value, status."""

import math

import pandas as pd
import pytest

ROLES = {
    "constant_mean": "control",
    "oracle": "oracle",
    "oracle_control_function": "oracle",
    "oracle_mixed_axes": "oracle",
}


def record(scenario, method, seed, metric, value, at=math.nan, status="ok", seconds=1.0, error=""):
    return {
        "scenario": "linear_action",
        "scenario_label": scenario,
        "scenario_parameters": "{}",
        "data_label": "synthetic",
        "method": method,
        "method_label": method,
        "role": ROLES.get(method, "method"),
        "seed": seed,
        "cell_key": f"{scenario}/{method}/{seed}",
        "metric": metric,
        "at": at,
        "value": value,
        "status": status,
        "error": error,
        "fit_seconds": seconds,
        "predict_seconds": 0.5,
        "process_seconds": seconds + 0.5,
        "peak_memory_bytes": 1_000_000,
    }


@pytest.fixture(scope="session")
def make_row():
    """One record as a dictionary."""
    return record


@pytest.fixture
def make_records():
    """Records from {scenario: {method: values by seed}}.

    None is missing, "failed" failed, "left out" not applicable.
    """

    def make(errors):
        rows = []
        for scenario, methods in errors.items():
            for method, values in methods.items():
                for seed, value in enumerate(values):
                    if value == "failed":
                        rows.append(record(scenario, method, seed, "", math.nan, status="failed"))
                    elif value == "left out":
                        why = {"status": "not_applicable", "error": "needs time"}
                        rows.append(record(scenario, method, seed, "", math.nan, **why))
                    elif value is not None:
                        rows.append(record(scenario, method, seed, "nmse_outside", value))
        return pd.DataFrame(rows)

    return make
