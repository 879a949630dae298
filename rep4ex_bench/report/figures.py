"""The numbers that the figures are drawn from, as plain lists for JSON.

    distance   median and extremes over seeds of nmse_by_distance, per method
    path       truth and predictions along the path of actions, per seed
    code       affine R^2 against nMSE outside, one point per cell
    cost       nMSE outside against CPU seconds, one point per cell
    sweeps     affine R^2 against a parameter of the scenario (`sweeps.py`)

A value that does not exist or is not finite is None: a gap in a line, never a number.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import pandas as pd

from rep4ex_bench.report.appearance import Appearance
from rep4ex_bench.report.numbers import log_range, median, plain, shown
from rep4ex_bench.report.sweeps import sweeps

# how far beyond the truth's own range the path figure reaches, in units of that range
_REACH = 0.75


def figures(
    records: pd.DataFrame,
    predictions: pd.DataFrame,
    looks: dict[str, Appearance],
    path_numbers: int,
) -> dict[str, Any]:
    """Return what the page's script draws.

    Args:
        records: of the run.
        predictions: of its cells; cells without records are left out.
        looks: of every method label in the records.
        path_numbers: how many predictions along paths may go into the page; seeds beyond it are
            left out, the first stays (thinned if it must be).
    """
    order = {label: index for index, label in enumerate(looks)}
    scenarios = [str(label) for label in records["scenario_label"].unique()]
    paths = _paths(records, predictions, order, path_numbers)
    return {
        "sweeps": sweeps(records, order),
        "methods": [asdict(look) for look in looks.values()],
        "scenarios": [
            {
                "label": scenario,
                "distance": _distance(rows, order),
                "path": paths.get(scenario, []),
                "code": _code(rows, order),
                "cost": _cost(rows, order),
            }
            for scenario in scenarios
            for rows in [records[records["scenario_label"] == scenario]]
        ],
    }


def _distance(records: pd.DataFrame, order: dict[str, int]) -> dict[str, Any]:
    good = records[(records["metric"] == "nmse_by_distance") & (records["status"] == "ok")]
    curves: list[dict[str, Any]] = []
    for label, rows in good.groupby("method_label", sort=False):
        by_distance: dict[float, list[float]] = {}
        for at, value in sorted(zip(rows["at"], rows["value"], strict=True)):
            by_distance.setdefault(float(at), []).append(float(value))
        finite = [[v for v in values if math.isfinite(v)] for values in by_distance.values()]
        curves.append(
            {
                "method": order[str(label)],
                "at": [plain(at) for at in by_distance],
                "median": [plain(median(values)) for values in finite],
                "low": [plain(min(values, default=math.nan)) for values in finite],
                "high": [plain(max(values, default=math.nan)) for values in finite],
                "seeds": [len(values) for values in finite],
            }
        )
    curves.sort(key=lambda curve: curve["method"])
    medians = [m for curve in curves for m in curve["median"] if m is not None]
    low, high = log_range(medians)
    names = list(order)
    beyond = [
        f"{names[curve['method']]} (up to {shown(top)})"
        for curve in curves
        for top in [max((m for m in curve["median"] if m is not None), default=0.0)]
        if top > high
    ]
    return {"range": [low, high], "curves": curves, "beyond": beyond}


def _paths(
    records: pd.DataFrame, predictions: pd.DataFrame, order: dict[str, int], allowed: int
) -> dict[str, list[dict[str, Any]]]:
    """Return per scenario a list over seeds; together at most `allowed` predictions, roughly."""
    cells = records.drop_duplicates("cell_key")
    cells = cells[["cell_key", "scenario_label", "method_label", "seed"]]
    on_path = predictions[predictions["path_position"].notna()].merge(cells, on="cell_key")
    if on_path.empty or allowed <= 0:
        return {}
    seeds = sorted(on_path["seed"].unique())
    per_seed = math.ceil(len(on_path) / len(seeds))
    kept = seeds[: max(1, allowed // per_seed)]
    stride = math.ceil(per_seed / allowed)
    found: dict[str, list[dict[str, Any]]] = {}
    shown_rows = on_path[on_path["seed"].isin(kept)]
    for seed in kept:
        for scenario, rows in shown_rows[shown_rows["seed"] == seed].groupby("scenario_label"):
            path = _path(rows, order, stride)
            found.setdefault(str(scenario), []).append(
                {"seed": int(seed), "left_out": len(seeds) - len(kept), **path}
            )
    return found


def _path(rows: pd.DataFrame, order: dict[str, int], stride: int) -> dict[str, Any]:
    truth = rows.groupby("path_position")["truth"].first().iloc[::stride]
    low, high = _path_range(truth, rows["prediction"])
    lines: list[dict[str, Any]] = []
    beyond: list[tuple[int, str]] = []
    names = list(order)
    for label, of_method in rows.groupby("method_label", sort=False):
        index = order[str(label)]
        values = of_method.groupby("path_position")["prediction"].first().reindex(truth.index)
        lines.append({"method": index, "value": [plain(v) for v in values]})
        outside = [float(v) for v in values if not low <= v <= high]
        if outside:
            beyond.append((index, f"{names[index]} ({_extreme(outside)})"))
    lines.sort(key=lambda line: line["method"])
    return {
        "at": [plain(t) for t in truth.index],
        "truth": [plain(v) for v in truth],
        "range": [plain(low), plain(high)],
        "lines": lines,
        "beyond": [text for _, text in sorted(beyond)],
    }


def _path_range(truth: pd.Series[float], predictions: pd.Series[float]) -> tuple[float, float]:
    """Return a range that holds the truth, and of the predictions what is not too far from it."""
    low, high = float(truth.min()), float(truth.max())
    size = high - low or abs(high) or 1.0
    near = [float(v) for v in predictions if math.isfinite(v)]
    lowest = max(min([*near, low]), low - _REACH * size)
    highest = min(max([*near, high]), high + _REACH * size)
    padding = 0.04 * (highest - lowest or size)
    return lowest - padding, highest + padding


def _extreme(values: list[float]) -> str:
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) < len(values):
        return "not finite everywhere"
    return f"up to {shown(max(finite, key=abs))}"


def _code(records: pd.DataFrame, order: dict[str, int]) -> dict[str, Any]:
    across = _by_cell(records[records["status"] == "ok"], "affine_r2")
    return _error_against("r2", across, records, order)


def _cost(records: pd.DataFrame, order: dict[str, int]) -> dict[str, Any]:
    cells = records[records["status"] == "ok"].drop_duplicates("cell_key")
    found = zip(cells["cell_key"], cells["process_seconds"], strict=True)
    seconds = {str(key): float(value) for key, value in found if value > 0}
    known = [*seconds.values(), *([] if seconds else [1.0])]
    ends = [min(known) / 1.3, max(known) * 1.3]
    return {"seconds": ends, **_error_against("seconds", seconds, records, order)}


def _error_against(
    name: str, across: dict[str, float], records: pd.DataFrame, order: dict[str, int]
) -> dict[str, Any]:
    """Return points of nMSE outside against a number of each cell."""
    good = records[records["status"] == "ok"]
    errors = _by_cell(good, "nmse_outside")
    names = list(order)
    points, beyond = [], []
    low, high = log_range(errors[key] for key in across if key in errors)
    cells = good.drop_duplicates("cell_key")
    columns = (cells[column] for column in ("cell_key", "method_label", "seed"))
    for key, label, seed in zip(*columns, strict=True):
        value, nmse = across.get(key, math.nan), errors.get(key, math.nan)
        if not (math.isfinite(value) and math.isfinite(nmse)):
            continue
        method = order[str(label)]
        point = {"method": method, "seed": int(seed), name: plain(value), "nmse": plain(nmse)}
        points.append(point)
        if nmse > high:
            beyond.append(f"{names[method]}, seed {seed} ({shown(nmse)})")
    return {"range": [low, high], "points": points, "beyond": beyond}


def _by_cell(records: pd.DataFrame, metric: str) -> dict[str, float]:
    rows = records[records["metric"] == metric]
    return {str(k): float(v) for k, v in zip(rows["cell_key"], rows["value"], strict=True)}
