"""The numbers that the figures of the speed board are drawn from, as plain lists for JSON.

    scaling   seconds against n per family of workloads, with the floor
    memory    peak extra bytes against n
    error     value error against time over floor, one point per workload and contender

A family with one size has no curve. What does not exist is left out, never a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pandas as pd

from rep4ex_bench.boards.numbers import plain
from rep4ex_bench.boards.report.appearance import Appearance
from rep4ex_bench.boards.speed.summary import SpeedSummary


def figures(summary: SpeedSummary, looks: dict[str, Appearance]) -> dict[str, Any]:
    """Return what the page's script draws.

    Args:
        summary: of the run.
        looks: of every contender.
    """
    good = _measured(summary, {label: index for index, label in enumerate(looks)})
    families = [rows for _, rows in good.groupby("family", sort=False)]
    curves = [rows for rows in families if rows["n"].nunique() > 1]
    kinds = [rows for _, rows in good.groupby("kind", sort=False)]
    return {
        "methods": [asdict(look) for look in looks.values()],
        "scaling": [_scaling(rows) for rows in curves],
        "memory": [_memory(rows) for rows in curves],
        "error": [_error(rows) for rows in kinds],
    }


def _measured(summary: SpeedSummary, order: dict[str, int]) -> pd.DataFrame:
    table = summary.table
    if table.empty:
        return pd.DataFrame(columns=["family", "kind"])
    good = table[table["state"] == "ok"]
    found = [summary.workloads[label] for label in good["workload"]]
    return good.assign(
        method=good["contender"].map(order),
        n=[each.n for each in found],
        family=[each.family for each in found],
        kind=[each.kind for each in found],
    ).sort_values(["method", "n"], kind="stable")


def decades(values: Iterable[float]) -> tuple[float, float]:
    """Return (low, high), whole powers of ten that hold the values that are finite and above 0."""
    good = [v for v in values if math.isfinite(v) and v > 0]
    if not good:
        return (1.0, 10.0)
    low = 10.0 ** math.floor(math.log10(min(good)))
    return (low, max(10.0 ** math.ceil(math.log10(max(good))), 10 * low))


def _curves(rows: pd.DataFrame, columns: dict[str, str]) -> list[dict[str, Any]]:
    """Return one curve per contender, a list per column; rows without the first are left out."""
    first = next(iter(columns))
    return [
        {"method": int(str(method)), "n": [int(n) for n in known["n"]]}
        | {name: [plain(v) for v in known[column]] for column, name in columns.items()}
        for method, own in rows.groupby("method")
        for known in [own[own[first].notna()]]
        if len(known)
    ]


def _scaling(rows: pd.DataFrame) -> dict[str, Any]:
    floor = rows.drop_duplicates("n").sort_values("n")
    floor = floor[floor["floor_seconds"] > 0]
    columns = {"seconds": "value", "seconds_low": "low", "seconds_high": "high"}
    return {
        "label": rows["family"].iloc[0],
        "range": decades([*rows["seconds"], *floor["floor_seconds"]]),
        "curves": _curves(rows, columns),
        "floor": {
            "n": [int(n) for n in floor["n"]],
            "value": [plain(v) for v in floor["floor_seconds"]],
        },
    }


def _memory(rows: pd.DataFrame) -> dict[str, Any]:
    # a contender that needs nothing lies on the lower edge of a logarithmic axis
    return {
        "label": rows["family"].iloc[0],
        "range": decades(rows["peak_extra_bytes"]),
        "curves": _curves(rows, {"peak_extra_bytes": "value"}),
    }


def _error(rows: pd.DataFrame) -> dict[str, Any]:
    known = rows[rows["over_floor"].notna() & rows["value_error"].notna()]
    columns = (known[name] for name in ("method", "workload", "over_floor", "value_error"))
    return {
        "label": rows["kind"].iloc[0],
        "across": decades(known["over_floor"]),
        "range": decades(known["value_error"]),
        "points": [
            {"method": int(m), "workload": str(w), "time": plain(t), "error": plain(e)}
            for m, w, t, e in zip(*columns, strict=True)
        ],
    }
