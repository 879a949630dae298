"""The numbers that the figures are drawn from, as plain lists for JSON.

    distance   median and extremes over seeds of nmse_by_distance, per method
    path       truth and predictions along the path of actions, per seed
    code       affine R^2 against nMSE outside, one point per cell

A value that does not exist or is not finite is None: a gap in a line, never a number.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from rep4ex_bench.report.appearance import Appearance
from rep4ex_bench.report.numbers import log_range, median, plain, shown

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
        "methods": [
            {
                "label": look.label,
                "role": look.role,
                "colour": look.colour,
                "symbol": look.symbol,
                "dash": look.dash,
            }
            for look in looks.values()
        ],
        "scenarios": [
            {
                "label": scenario,
                "distance": _distance(rows, order),
                "path": paths.get(scenario, []),
                "code": _code(rows, order),
            }
            for scenario in scenarios
            for rows in [records[records["scenario_label"] == scenario]]
        ],
    }


def _distance(records: pd.DataFrame, order: dict[str, int]) -> dict[str, Any]:
    good = records[(records["metric"] == "nmse_by_distance") & (records["status"] == "ok")]
    curves = []
    for label, rows in good.groupby("method_label", sort=False):
        groups = [(float(at), [float(v) for v in g["value"]]) for at, g in rows.groupby("at")]  # type: ignore[arg-type]
        finite = [[v for v in values if math.isfinite(v)] for _, values in groups]
        curves.append(
            {
                "method": order[str(label)],
                "at": [plain(at) for at, _ in groups],
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
    for (scenario, seed), rows in shown_rows.groupby(["scenario_label", "seed"], sort=True):
        path = _path(rows, order, stride)
        found.setdefault(str(scenario), []).append(
            {"seed": int(seed), "left_out": len(seeds) - len(kept), **path}
        )
    return found


def _path(rows: pd.DataFrame, order: dict[str, int], stride: int) -> dict[str, Any]:
    truth = rows.groupby("path_position")["truth"].first().iloc[::stride]
    low, high = _path_range(truth)
    lines, beyond = [], []
    names = list(order)
    for label, of_method in rows.groupby("method_label", sort=False):
        index = order[str(label)]
        values = of_method.groupby("path_position")["prediction"].first().reindex(truth.index)
        lines.append({"method": index, "value": [plain(v) for v in values]})
        outside = values[(values < low) | (values > high) | ~values.map(math.isfinite)]
        if len(outside):
            extreme = outside.loc[outside.abs().idxmax()] if outside.notna().any() else math.nan
            beyond.append((index, f"{names[index]} ({_extreme(float(extreme))})"))
    lines.sort(key=lambda line: line["method"])
    return {
        "at": [plain(t) for t in truth.index],
        "truth": [plain(v) for v in truth],
        "range": [plain(low), plain(high)],
        "lines": lines,
        "beyond": [text for _, text in sorted(beyond)],
    }


def _path_range(truth: pd.Series[float]) -> tuple[float, float]:
    low, high = float(truth.min()), float(truth.max())
    size = high - low or abs(high) or 1.0
    return low - _REACH * size, high + _REACH * size


def _extreme(value: float) -> str:
    return f"up to {shown(value)}" if math.isfinite(value) else "not finite"


def _code(records: pd.DataFrame, order: dict[str, int]) -> dict[str, Any]:
    good = records[records["status"] == "ok"]
    values = {
        metric: good[good["metric"] == metric].set_index("cell_key")["value"]
        for metric in ("affine_r2", "nmse_outside")
    }
    cells = good.drop_duplicates("cell_key")
    points = [
        {
            "method": order[str(cell.method_label)],
            "seed": int(cell.seed),
            "r2": plain(values["affine_r2"].get(cell.cell_key, math.nan)),
            "nmse": plain(values["nmse_outside"].get(cell.cell_key, math.nan)),
        }
        for cell in cells.itertuples()
    ]
    points = [p for p in points if p["r2"] is not None and p["nmse"] is not None]
    low, high = log_range([p["nmse"] for p in points])
    names = list(order)
    beyond = [
        f"{names[p['method']]}, seed {p['seed']} ({shown(p['nmse'])})"
        for p in points
        if p["nmse"] > high
    ]
    return {"range": [low, high], "points": points, "beyond": beyond}
