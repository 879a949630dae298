"""Two runs of kernel measurements: seconds of every contender on every workload of both."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from rep4ex_bench.boards.speed.summary import SpeedSummary, summarise
from rep4ex_bench.boards.speed.workloads import (
    DRIFT_REFERENCE,
    contender_rows,
    read_workload,
    seconds_by_round,
)
from rep4ex_bench.comparison.change import APART, IMPROVEMENT, REGRESSION, Change, Sample
from rep4ex_bench.comparison.rounds import rank_test, ratio_interval, smallest_p
from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import UsageError

_SECONDS = "seconds a call"
_NOT_RUN = ("skipped", "missing")
_NO_PROOF = "the reference kernel was not timed in both runs: code or machine, seconds do not tell"


def speed_changes(before: pd.DataFrame, after: pd.DataFrame, least: float) -> list[Change]:
    """Return the changes of two runs of `rep4ex-bench kernels`, not yet judged.

    The reference kernel, the same work in both runs, tells what the machine changed by. A change
    counts by what is left when the seconds of B are divided by that, and only if the seconds as
    they are say the same; it must exceed `least` and what either run can resolve. Where the
    reference kernel was not timed in both runs, seconds are told and judged as nothing.

    Raises:
        RecordsError: records of something else.
    """
    one, two = summarise(before), summarise(after)
    machine = machine_ratios(before, after)
    changes = []
    for key in sorted(set(one.workloads) | set(two.workloads)):
        if key not in one.workloads or key not in two.workloads:
            run = "A" if key in one.workloads else "B"
            changes.append(Change(key, "", _SECONDS, verdict=APART, note=f"only in run {run}"))
            continue
        tables = [_states(run, key) for run in (one, two)]
        clock = one.workloads[key].clock
        if clock != two.workloads[key].clock:
            note = "timed by other clocks: the runs had other numbers of threads"
            changes.append(Change(key, "", _SECONDS, verdict=APART, note=note))
            continue
        rounds = [_rounds(records, key, clock) for records in (before, after)]
        ratio = machine.get(_device(after, key), math.nan)
        changes += [
            dataclasses.replace(change, least=_least(change, least, tables))
            for change in _of_workload(key, tables, rounds, ratio)
        ]
    return changes


def machine_ratios(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, float]:
    """Return device -> seconds of the reference kernel in B over those in A, by the medians.

    By the clock that the workloads of the device are ranked by.
    """
    found = {}
    for device, clock in _clocks(before, after).items():
        medians = [
            rows[
                (rows["method"] == DRIFT_REFERENCE)
                & (rows["device"] == device)
                & (rows["metric"] == clock)
                & (rows["status"] == "ok")
            ]["value"].median()
            for rows in (before, after)
        ]
        if all(median > 0 for median in medians):
            found[str(device)] = float(medians[1] / medians[0])
    return found


def check_same_machine(before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Raise unless both runs were measured on the same hardware with the same threads.

    Raises:
        UsageError: they were not; seconds of two machines say nothing about the code.
    """
    names = [
        sorted({f"{a}, {b} thread(s)" for a, b in zip(r["hardware"], r["threads"], strict=True)})
        for r in (contender_rows(before), contender_rows(after))
    ]
    if names[0] != names[1]:
        raise UsageError(
            f"run A was measured on {'; '.join(names[0])} and run B on {'; '.join(names[1])}: "
            "their seconds cannot be compared. Measure both on one machine, or pass "
            "--across-machines to compare the machines"
        )


def _of_workload(
    key: str,
    tables: list[dict[str, dict[Hashable, Any]]],
    rounds: list[dict[str, FloatArray]],
    machine: float,
) -> Iterator[Change]:
    for name in sorted(set(tables[0]) | set(tables[1])):
        states = [str(table.get(name, {"state": "missing"})["state"]) for table in tables]
        if all(state in _NOT_RUN for state in states):
            continue
        if states == ["ok", "ok"]:
            yield _timed(key, name, rounds[0][name], rounds[1][name], machine)
            continue
        yield Change(
            key, name, "state", verdict=_verdict(*states), note=f"{states[0]}, then {states[1]}"
        )


def _clocks(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, str]:
    """Return device -> clock for the devices of both runs that have one clock in both."""
    found = []
    for records in (before, after):
        rows = contender_rows(records).drop_duplicates("scenario_label")
        found.append({str(row["device"]): read_workload(row).clock for _, row in rows.iterrows()})
    return {device: clock for device, clock in found[0].items() if found[1].get(device) == clock}


def _timed(key: str, name: str, a: FloatArray, b: FloatArray, machine: float) -> Change:
    ratio, low, high = ratio_interval(a, b)
    if math.isnan(machine):
        change = Change(key, name, _SECONDS, verdict=APART, note=_NO_PROOF)
        medians = float(np.median(a)), float(np.median(b))
        return dataclasses.replace(
            change, before=medians[0], after=medians[1], ratio=ratio, low=low, high=high
        )
    logs = math.log(ratio), math.log(ratio / machine)
    same_side = logs[0] * logs[1] > 0
    return Change(
        key,
        name,
        _SECONDS,
        before=float(np.median(a)),
        after=float(np.median(b)),
        ratio=ratio,
        low=low,
        high=high,
        own=math.exp(min(logs, key=abs)) if same_side else 1.0,
        p=max(rank_test(a, b), rank_test(a, b / machine)) if same_side else 1.0,
        sample=Sample(
            min(len(a), len(b)), "rounds", smallest_p(len(a), len(b)), lambda n: smallest_p(n, n)
        ),
    )


def _device(records: pd.DataFrame, key: str) -> str:
    return str(records.loc[records["scenario_label"] == key, "device"].iloc[0])


def _verdict(before: str, after: str) -> str:
    """What a change of state is; one that was not run in one of the runs is not compared."""
    if before in _NOT_RUN or after in _NOT_RUN or before == after:
        return APART
    if before == "ok":
        return REGRESSION
    return IMPROVEMENT if after == "ok" else APART


def _states(run: SpeedSummary, key: str) -> dict[str, dict[Hashable, Any]]:
    rows = run.table[run.table["workload"] == key]
    return {str(row["contender"]): row for row in rows.to_dict("records")}


def _rounds(records: pd.DataFrame, key: str, clock: str) -> dict[str, FloatArray]:
    rows = contender_rows(records[records["scenario_label"] == key])
    return {name: s.to_numpy(float) for name, s in seconds_by_round(rows, clock).items()}


def _least(change: Change, least: float, tables: list[dict[str, dict[Hashable, Any]]]) -> float:
    resolutions = [
        float(table[change.name]["resolution"]) for table in tables if change.name in table
    ]
    known = [value for value in resolutions if math.isfinite(value)]
    return max([least, *known])
