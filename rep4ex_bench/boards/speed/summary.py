"""Speed records -> tables: one row per workload and contender, and what the whole run says.

speed-up    = seconds of the reference contender / seconds of this one, by round; the median
over floor  = median seconds / seconds that the measured rates of the machine allow
ns a pair   = 1e9 * median seconds / kernel evaluations of the formula
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from rep4ex_bench.boards.speed.noise import Drift, drifts
from rep4ex_bench.boards.speed.rows import workload_rows
from rep4ex_bench.boards.speed.workloads import (
    CALIBRATION,
    ESTIMATE,
    Workload,
    contender_rows,
    workloads,
)

REFERENCE = "naive_torch"
_ESTIMATED = "rep4ex_triton"
_ESTIMATE_SUFFIX = "(estimate)"


@dataclass(frozen=True)
class SpeedSummary:
    """What a run of speed measurements came to.

    Attributes:
        table: as `speed_table` returns it.
        reference: the contender that speed-ups refer to.
        workloads: by label.
        drift: by device.
        calibration: (device, metric, value); rates of the machine, measured in the same run.
        estimates: (workload label, seconds) by a static cost model, not measured.
    """

    table: pd.DataFrame
    reference: str
    workloads: dict[str, Workload]
    drift: dict[str, Drift]
    calibration: list[tuple[str, str, float]]
    estimates: list[tuple[str, float]]

    @property
    def boards(self) -> list[tuple[Workload, pd.DataFrame]]:
        """Workloads with their rows, in the order of the records."""
        groups = dict(list(self.table.groupby("workload", sort=False))) if len(self.table) else {}
        return [(each, groups[label]) for label, each in self.workloads.items()]

    @property
    def estimated_contender_seconds(self) -> dict[str, float]:
        """Measured seconds of the kernel that estimates are of, by the estimate's label."""
        own = self.table[self.table["contender"] == _ESTIMATED] if len(self.table) else self.table
        return {
            f"{label} {_ESTIMATE_SUFFIX}": float(seconds)
            for label, seconds in zip(own.get("workload", ()), own.get("seconds", ()), strict=True)
        }


def summarise(records: pd.DataFrame, reference: str = REFERENCE) -> SpeedSummary:
    """Return tables and facts of a run.

    Args:
        records: of a run of kernel measurements.
        reference: label of the contender that the others are compared with.

    Raises:
        RecordsError: records of something else.
    """
    found = {each.label: each for each in workloads(records)}
    measured = contender_rows(records)
    devices = dict(zip(measured["scenario_label"], measured["device"], strict=True))
    drift = drifts(records, {str(devices[label]): each.clock for label, each in found.items()})
    return SpeedSummary(
        table=_table(records, found, devices, drift, reference),
        reference=reference,
        workloads=found,
        drift=drift,
        calibration=_calibration(records),
        estimates=_estimates(records),
    )


def speed_table(records: pd.DataFrame, reference: str = REFERENCE) -> pd.DataFrame:
    """Return one row per workload and contender, best rank first, what is not ranked last.

    Columns: workload, contender, state ("ok", "wrong result", "failed", "timeout", "out of memory",
    "skipped", "missing"), message, rank (1 plus the number of contenders that are certainly faster,
    NaN unless ok), shared (the rank), rounds, seconds (median of the clock), seconds_low and
    seconds_high (20 % and 80 % quantiles), wall_seconds (median), speedup with speedup_low and
    speedup_high (95 %, NaN with fewer than 6 rounds), resolved (the speed-up differs from 1 by more
    than the resolution), resolution (smallest ratio that the workload can resolve), floor_seconds,
    over_floor, ns_per_pair, peak_extra_bytes, value_error, gradient_error, first_call_seconds. What
    does not exist is NaN. A contender of the run without records in a workload is "missing" there.

    Args:
        records: of a run of kernel measurements.
        reference: label of the contender that the others are compared with.

    Raises:
        RecordsError: records of something else.
    """
    return summarise(records, reference).table


def _table(
    records: pd.DataFrame,
    found: dict[str, Workload],
    devices: dict[str, str],
    drift: dict[str, Drift],
    reference: str,
) -> pd.DataFrame:
    by_label = dict(list(records.groupby("scenario_label", sort=False)))
    measured = contender_rows(records)
    contenders = [str(label) for label in measured["method_label"].unique()]
    rows = [
        row
        for label, workload in found.items()
        for row in workload_rows(
            workload, by_label[label], contenders, drift.get(devices[label]), reference
        )
    ]
    return pd.DataFrame(rows)


def _calibration(records: pd.DataFrame) -> list[tuple[str, str, float]]:
    rows = records[(records["method"] == CALIBRATION) & (records["status"] == "ok")]
    columns = (rows[name] for name in ("device", "metric", "value"))
    return [(str(a), str(b), float(c)) for a, b, c in zip(*columns, strict=True)]


def _estimates(records: pd.DataFrame) -> list[tuple[str, float]]:
    rows = records[(records["method"] == ESTIMATE) & (records["metric"] == "estimated_seconds")]
    columns = (rows[name] for name in ("scenario_label", "value"))
    return [(str(label), float(value)) for label, value in zip(*columns, strict=True)]
