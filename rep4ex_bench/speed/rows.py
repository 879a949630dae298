"""Outcomes, rates and floors as records."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import math
from collections.abc import Iterator

from rep4ex_bench.installed import package_version
from rep4ex_bench.records import provenance
from rep4ex_bench.records.records import Record
from rep4ex_bench.speed.clock import Timing
from rep4ex_bench.speed.contender import Contender
from rep4ex_bench.speed.measure import Measured
from rep4ex_bench.speed.outcome import Outcome
from rep4ex_bench.speed.protocol import PROTOCOL_VERSION, Protocol
from rep4ex_bench.speed.rates import Rates
from rep4ex_bench.speed.workload import Workload

SUITE = "kernels"
_CALIBRATION = "calibration"


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What all records of a run share.

    The hardware is looked up by whoever makes this, not by the measuring process: asking a GPU for
    its name would initialise CUDA, which does not survive the fork.
    """

    seed: int
    threads: int
    protocol: Protocol
    hardware: str = dataclasses.field(default_factory=provenance.processor)


def cell_key(workload: Workload, contender: Contender, facts: RunFacts, reason: str = "") -> str:
    """SHA-256 of the workload, the contender with its version and packages, and the protocol.

    `reason` says why it does not run: a contender that was left out is another cell than one that
    ran.
    """
    return _hash(
        workload.parameters,
        contender.name,
        contender.version,
        {name: package_version(name) for name in (*contender.requires, "torch")},
        *_rules(facts),
        reason,
    )


def outcome_records(
    workload: Workload,
    contender: Contender,
    outcome: Outcome,
    key: str,
    data_hash: str,
    facts: RunFacts,
) -> list[Record]:
    """Return the rows of one contender at one workload."""
    blank = dataclasses.replace(
        _blank(workload, facts, contender.name, key),
        method_parameters=json.dumps(contender.get_params(), sort_keys=True),
        backend=contender.backend(workload) if outcome.status == "ok" else "",
        data_hash=data_hash,
    )
    if outcome.status != "ok":
        return [dataclasses.replace(blank, status=outcome.status, error=outcome.error)]
    scalars = {
        "first_call_seconds": outcome.first_call_seconds,
        "peak_extra_bytes": float(outcome.peak_extra_bytes)
        if outcome.peak_extra_bytes >= 0
        else math.nan,
        "value_error": outcome.value_error,
        "gradient_error": outcome.gradient_error,
    }
    found = {name: value for name, value in scalars.items() if not math.isnan(value)}
    return [
        *_timing_rows(blank, outcome.timings),
        *(_valued(blank, name, value) for name, value in found.items()),
    ]


def control_records(
    workload: Workload, floor: float, measured: Measured, first_position: int, facts: RunFacts
) -> list[Record]:
    """Return the floor of a workload and the timings of the drift reference."""
    floor_row = _blank(workload, facts, "floor", _hash(workload.parameters, "floor"), "control")
    drift = _blank(workload, facts, "drift_reference", _hash("drift_reference"), "control")
    numbered = dict(enumerate(measured.drift, start=first_position))
    return [_valued(floor_row, "floor_seconds", floor), *_timing_rows(drift, numbered)]


def calibration_records(device: str, dtype: str, rates: Rates, facts: RunFacts) -> list[Record]:
    """Return the rates of a device; names of those of float64 begin with it."""
    blank = dataclasses.replace(
        _common(facts, _hash(_CALIBRATION, device, dtype), device),
        scenario=_CALIBRATION,
        scenario_label=_CALIBRATION,
        scenario_parameters=json.dumps({"device": device, "dtype": dtype}),
        method=_CALIBRATION,
        method_label=_CALIBRATION,
        role="control",
    )
    prefix = rate_prefix(dtype)
    return [_valued(blank, prefix + name, v) for name, v in dataclasses.asdict(rates).items()]


def estimate_record(workload: Workload, target: str, seconds: float, facts: RunFacts) -> Record:
    """Return the row of a GPU's predicted seconds; its label says that it is an estimate."""
    blank = _blank(
        workload, facts, "static_estimate", _hash(workload.parameters, target), "control"
    )
    labelled = dataclasses.replace(
        blank,
        scenario_label=f"{workload.label} {target} (estimate)",
        method_parameters=json.dumps({"target": target}),
        truth_source="cost model",
    )
    return _valued(labelled, "estimated_seconds", seconds)


def rate_prefix(dtype: str) -> str:
    """Return what the names of a dtype's rates begin with."""
    return "" if dtype == "float32" else f"{dtype}_"


def _timing_rows(blank: Record, timings: dict[int, Timing]) -> Iterator[Record]:
    for at, timing in timings.items():
        seconds = {
            "process_seconds": timing.process,
            "wall_seconds": timing.wall,
            "device_seconds": timing.device,
        }
        for name, value in seconds.items():
            if not math.isnan(value):
                yield dataclasses.replace(_valued(blank, name, value), at=float(at))


def _valued(blank: Record, metric: str, value: float) -> Record:
    return dataclasses.replace(blank, metric=metric, value=value)


def _blank(
    workload: Workload, facts: RunFacts, name: str, key: str, role: str = "method"
) -> Record:
    return dataclasses.replace(
        _common(facts, key, workload.device),
        scenario=workload.op,
        scenario_label=workload.label,
        scenario_parameters=workload.parameters,
        method=name,
        method_label=name,
        role=role,
    )


def _common(facts: RunFacts, key: str, device: str) -> Record:
    return Record(
        suite=SUITE,
        scenario="",
        scenario_label="",
        scenario_parameters="{}",
        data_label="synthetic",
        truth_source="float64 reference",
        method="",
        method_label="",
        method_parameters="{}",
        role="method",
        seed=facts.seed,
        cell_key=key,
        metric="",
        at=math.nan,
        value=math.nan,
        status="ok",
        error="",
        fit_seconds=math.nan,
        predict_seconds=math.nan,
        process_seconds=math.nan,
        peak_memory_bytes=-1,
        group_size=1,
        device=device,
        backend="",
        threads=facts.threads,
        hardware=facts.hardware,
        versions=provenance.versions(),
        git_commit=provenance.git_commit(),
        protocol_version=PROTOCOL_VERSION,
        data_hash="",
        finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _rules(facts: RunFacts) -> tuple[object, ...]:
    protocol = dataclasses.asdict(facts.protocol)
    limits = {name: value for name, value in protocol.items() if value is not None}
    return facts.seed, facts.threads, PROTOCOL_VERSION, limits


def _hash(*content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
