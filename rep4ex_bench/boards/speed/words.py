"""What the terminal and the page both say, in the same words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.boards.speed.noise import Drift
from rep4ex_bench.boards.speed.summary import SpeedSummary
from rep4ex_bench.boards.speed.workloads import CLOCKS

_RATES = {
    "exp2_per_second": "exponentials a second",
    "rsqrt_per_second": "reciprocal square roots a second",
    "matmul_flops_per_second": "floating-point operations a second in matrix products",
    "copy_bytes_per_second": "bytes copied a second",
    "cached_copy_bytes_per_second": "bytes copied a second in a cache",
}


def rank_text(row: dict[Any, Any]) -> str:
    """Return the rank, with "=" where it is shared, "" where there is none."""
    if math.isnan(row["rank"]):
        return ""
    return f"{row['rank']:.0f}{'=' if row['shared'] else ''}"


def speedup_text(row: dict[Any, Any]) -> str:
    """Return the speed-up, with "≈" where the run cannot tell it from 1."""
    if math.isnan(row["speedup"]):
        return shown(row["speedup"])
    alike = not row["resolved"] and row["speedup"] != 1
    return f"{'≈' if alike else ''}{shown(row['speedup'])}"


def resolution_text(summary: SpeedSummary) -> str:
    """Return what ratios the run can resolve."""
    if summary.table.empty:
        return "No workload was measured."
    found = summary.table.drop_duplicates("workload")[["workload", "resolution"]].dropna()
    if found.empty:
        return "Too few rounds: this run cannot say what ratios it resolves."
    worst = found.sort_values("resolution").iloc[-1]
    typical = float(np.median(found["resolution"]))
    return (
        f"Ratios below {shown(typical)} are below what this run can resolve (median over "
        f"workloads; {shown(float(worst['resolution']))} in the noisiest, {worst['workload']})."
    )


def drift_text(drift: Drift) -> str:
    """Return what the reference kernel did during the run."""
    if math.isnan(drift.size):
        return (
            f"Drift on {drift.device}: unknown, the reference kernel was timed only "
            f"{drift.timings} times."
        )
    told = (
        f"Drift on {drift.device}: the reference kernel's median differed by a factor of up to "
        f"{shown(drift.size)} between stretches of the run ({drift.timings} timings, "
        f"p {shown_p(drift.p_value)})."
    )
    if drift.alarm:
        told += (
            " ALARM: the machine changed during the run. Ratios within a workload hold, contenders "
            "alternate; compare no times between workloads, and measure again on a quiet machine."
        )
    return told


def shown_p(p_value: float) -> str:
    """Return "= .034" or "< .001"."""
    return "< 0.001" if p_value < 1e-3 else f"= {p_value:.3f}"


def clock_text(summary: SpeedSummary) -> str:
    """Return by which clock contenders are ranked."""
    used = sorted({each.clock for each in summary.workloads.values()})
    return " and ".join(CLOCKS[clock] for clock in used)


def calibration_text(metric: str) -> str:
    """Return a rate's name in words."""
    return _RATES.get(metric, metric)
