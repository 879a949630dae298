"""The rows of one workload: what became of every contender, ranked where it was measured well."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from rep4ex_bench.boards.intervals import median_interval, median_range
from rep4ex_bench.boards.speed.noise import Drift, resolution
from rep4ex_bench.boards.speed.ranks import ranks
from rep4ex_bench.boards.speed.workloads import (
    FLOOR,
    Workload,
    contender_rows,
    paired,
    scalar,
    seconds_by_round,
)

WRONG = "wrong result"
_SCALARS = ("peak_extra_bytes", "value_error", "gradient_error", "first_call_seconds")


def workload_rows(
    workload: Workload,
    rows: pd.DataFrame,
    contenders: list[str],
    drift: Drift | None,
    reference: str,
) -> list[dict[str, Any]]:
    """Return the rows of a workload, with the columns of `summary.speed_table`.

    Args:
        workload: that the records are of.
        rows: all its records, the floor included.
        contenders: labels of every contender of the run; one without records is "missing".
        drift: of the reference kernel on the device, if it was timed.
        reference: label of the contender that the others are compared with.
    """
    of_contender = dict(list(contender_rows(rows).groupby("method_label", sort=False)))
    timed = seconds_by_round(contender_rows(rows), workload.clock)
    states = {name: _state(of_contender.get(name), name in timed) for name in contenders}
    ranked = {name: timed[name] for name in contenders if states[name][0] == "ok"}
    smallest = resolution(ranked, drift)
    places = ranks(ranked, smallest)
    floor = scalar(rows[rows["method"] == FLOOR], "floor_seconds")
    found: list[dict[str, Any]] = []
    for name in contenders:
        state, message = states[name]
        place, shared = places.get(name, (math.nan, False))
        row: dict[str, Any] = {
            "workload": workload.label,
            "contender": name,
            "state": state,
            "message": message,
            "rank": place,
            "shared": shared,
            "resolution": smallest,
            "floor_seconds": floor,
        }
        row |= _times(workload, ranked, name, reference, smallest)
        row["over_floor"] = row["seconds"] / floor if floor > 0 else math.nan
        row["ns_per_pair"] = 1e9 * row["seconds"] / workload.pairs
        own = of_contender.get(name, rows.iloc[:0])
        row["wall_seconds"] = (
            _median(seconds_by_round(own, "wall_seconds").get(name)) if state == "ok" else math.nan
        )
        for metric in _SCALARS:
            row[metric] = scalar(own, metric)
        found.append(row)
    return sorted(found, key=_order)


def _order(row: dict[str, Any]) -> tuple[bool, float, float, str]:
    unranked = math.isnan(row["rank"])
    place = (0.0, 0.0) if unranked else (row["rank"], row["seconds"])
    return (unranked, *place, row["contender"])


def _state(rows: pd.DataFrame | None, timed: bool) -> tuple[str, str]:
    """Return state and message; one bad record is enough to keep a contender out of the ranks."""
    if rows is None:
        return ("missing", "no records of this contender on this workload")
    for status in ("failed", "out_of_memory", "timeout", "skipped"):
        bad = rows[rows["status"] == status]
        if len(bad) and (status != "skipped" or not timed):
            message = str(bad["error"].iloc[0])
            if status == "failed" and message.startswith("wrong result:"):
                return (WRONG, message.removeprefix("wrong result:").strip())
            return (status.replace("_", " "), message)
    return ("ok", "") if timed else ("missing", "no timed rounds in the records")


def _times(
    workload: Workload,
    ranked: dict[str, pd.Series],
    name: str,
    reference: str,
    smallest: float,
) -> dict[str, Any]:
    own, base = ranked.get(name), ranked.get(reference)
    seconds = np.array([]) if own is None else own.to_numpy(float)
    ratio = np.array([]) if own is None or base is None else paired(base, own)
    speedup = float(np.median(ratio)) if len(ratio) else math.nan
    low, high = median_interval(ratio)
    lowest, highest = median_range(ratio)
    apart = abs(math.log(speedup)) >= math.log(smallest if math.isfinite(smallest) else 1.0)
    quantiles = np.quantile(seconds, [0.2, 0.8]) if len(seconds) else [math.nan, math.nan]
    return {
        "rounds": len(seconds),
        "seconds": _median(own),
        "seconds_low": float(quantiles[0]),
        "seconds_high": float(quantiles[1]),
        "speedup": speedup,
        "speedup_low": low,
        "speedup_high": high,
        "resolved": bool(apart and (lowest > 1 or highest < 1)),
    }


def _median(seconds: pd.Series | None) -> float:
    return math.nan if seconds is None or not len(seconds) else float(seconds.median())
