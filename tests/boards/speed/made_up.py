"""Records made up by the rules that speed records follow, with every state a contender can have."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from rep4ex_bench.records.records import Record, records_table

HOSTILE = "<script>window.hacked = 1</script>\"'&<img src=x onerror=hacked=1>"
SIZES = (256, 1024, 4096, 16384)
NOT_INSTALLED = "PyKeOps is not installed: pip install pykeops"
WRONG = "wrong result: relative error 3e-2 of the value, at most 1e-4 is allowed"


def speed_record(**changes: Any) -> Record:
    values: dict[str, Any] = {
        "suite": "kernels",
        "scenario": "mmr_penalty",
        "scenario_label": "",
        "scenario_parameters": "{}",
        "data_label": "synthetic",
        "truth_source": "float64 reference",
        "method": "naive_torch",
        "method_label": changes.get("method", "naive_torch"),
        "method_parameters": "{}",
        "role": "method",
        "seed": 0,
        "cell_key": "",
        "metric": "",
        "at": math.nan,
        "value": math.nan,
        "status": "ok",
        "error": "",
        "fit_seconds": math.nan,
        "predict_seconds": math.nan,
        "process_seconds": math.nan,
        "peak_memory_bytes": -1,
        "group_size": 1,
        "device": "cpu",
        "backend": "",
        "threads": 1,
        "hardware": "some processor, 2 cores",
        "versions": json.dumps({"python": "3.13.1", "torch": "2.13.0"}),
        "git_commit": "0123456789abcdef",
        "protocol_version": 1,
        "data_hash": "",
        "finished_at": "2026-11-25T12:00:00+00:00",
    }
    return Record(**(values | changes))


def workload_fields(op: str, n: int, **others: Any) -> dict[str, Any]:
    """Fields of the records of one workload; `others` change its parameters."""
    parameters = {"op": op, "n": n, "k": 4, "d": 8, "batch": 1, "dtype": "float32"}
    parameters |= {"direction": "forward+backward", "device": "cpu", "pairs": n**2}
    parameters |= others
    label = (
        f"{op} n={n} k={parameters['k']} d=8 batch=1 {parameters['dtype']} "
        f"{parameters['direction']} {parameters['device']}"
    )
    return {
        "scenario": op,
        "scenario_label": label,
        "scenario_parameters": json.dumps(parameters, sort_keys=True),
        "device": parameters["device"],
    }


def timed(fields: dict[str, Any], contender: str, seconds: Any, **scalars: float) -> list[Record]:
    """Records of a contender that ran: seconds of every round, and its scalars."""
    own = fields | {"method": contender, "method_label": contender}
    own["cell_key"] = f"{fields['scenario_label']}|{contender}"
    found = [
        speed_record(**own, metric=metric, at=float(at), value=float(value) * factor)
        for metric, factor in (("process_seconds", 1.0), ("wall_seconds", 1.1))
        for at, value in enumerate(seconds)
    ]
    return found + [speed_record(**own, metric=name, value=v) for name, v in scalars.items()]


def not_timed(fields: dict[str, Any], contender: str, status: str, error: str) -> Record:
    own = fields | {"method": contender, "method_label": contender}
    return speed_record(
        **own, cell_key=f"{fields['scenario_label']}|{contender}", status=status, error=error
    )


def noisy(rng: np.random.Generator, median: float, noise: float, rounds: int) -> np.ndarray:
    return median * rng.lognormal(0.0, noise, rounds)


def control(fields: dict[str, Any], method: str, metric: str, value: float, at: float) -> Record:
    own = fields | {"method": method, "method_label": method, "role": "control"}
    return speed_record(**own, cell_key=method, metric=metric, value=value, at=at)


def speed_records(
    seed: int = 0, noise: float = 0.02, rounds: int = 11, drift: float = 0.0
) -> pd.DataFrame:
    """Return a run of two ops; `drift` is the relative slowdown from its begin to its end.

    `rep4ex_torch` and `rep4ex_auto` take the same time, `naive_torch` 25 times as long; the growth
    exponents are 2, and 1 for the factorised contender.
    """
    rng = np.random.default_rng(seed)
    records, position = [], 0
    workloads = [(op, n) for op in ("mmr_penalty", "invariance_penalty") for n in SIZES]
    for place, (op, n) in enumerate(workloads):
        fields = workload_fields(op, n)
        slow = 1 + drift * place / (len(workloads) - 1)
        dense = 1e-9 * n**2 * slow

        def times(median: float) -> np.ndarray:
            return noisy(rng, median, noise, rounds)

        records += timed(
            fields,
            "naive_torch",
            times(25 * dense),
            first_call_seconds=0.1,
            peak_extra_bytes=16.0 * n**2,
            value_error=2e-7,
            gradient_error=3e-7,
        )
        for name in ("rep4ex_torch", "rep4ex_auto"):
            records += timed(
                fields,
                name,
                times(dense),
                first_call_seconds=0.2,
                peak_extra_bytes=100.0 * n,
                value_error=1e-7,
                gradient_error=1e-6,
            )
        records += timed(
            fields,
            HOSTILE,
            times(2 * dense),
            first_call_seconds=31.0,
            peak_extra_bytes=200.0 * n,
            value_error=0.0,
        )
        if op == "invariance_penalty":
            records += timed(
                fields,
                "rep4ex_factorised",
                times(2e-8 * n * slow),
                first_call_seconds=0.3,
                peak_extra_bytes=40.0 * n,
                value_error=6e-7,
                gradient_error=1e-6,
            )
        records.append(not_timed(fields, "keops", "skipped", NOT_INSTALLED))
        records.append(not_timed(fields, "quick_but_wrong", "failed", WRONG))
        if n == SIZES[-1]:
            records.append(not_timed(fields, "hyppo", "out_of_memory", "17 GB were needed"))
        else:
            records += timed(fields, "hyppo", times(60 * dense), value_error=1e-12)
        records.append(control(fields, "floor", "floor_seconds", 0.3e-9 * n**2, math.nan))
        for _ in range(rounds):
            for metric, factor in (("process_seconds", 1.0), ("wall_seconds", 1.1)):
                value = factor * float(noisy(rng, 3e-3 * slow, noise, 1)[0])
                records.append(control(fields, "drift_reference", metric, value, position))
            position += 1
    calibration = {"scenario": "calibration", "scenario_label": "calibration"}
    for metric, value in (("exp2_per_second", 2e9), ("matmul_flops_per_second", 4.3e10)):
        records.append(control(calibration, "calibration", metric, value, math.nan))
    on_gpu = workload_fields("mmr_penalty", 65536, device="cuda")
    on_gpu["scenario_label"] += " (estimate)"
    records.append(control(on_gpu, "static_estimate", "estimated_seconds", 1.3e-3, math.nan))
    return records_table(records).to_pandas()
