"""The numbers that the figures are drawn from, as plain lists for JSON.

    distance   median and extremes over seeds of nmse_by_distance, per method (`distances.py`)
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

import numpy as np
import pandas as pd

from rep4ex_bench.boards.distances import curve_spread, error_curves
from rep4ex_bench.boards.numbers import log_range, plain, shown
from rep4ex_bench.boards.report.appearance import Appearance
from rep4ex_bench.boards.report.sweeps import sweeps

# how far beyond the truth's own range the path figure reaches, in units of that range
_REACH = 0.75
_NUMBERS_PER_POINT = 8  # what a point of a cell takes in the page, against a number on a path
_MOST_NUMBERS = 200_000  # on paths, that any page could hold
_MOST_NAMED = 20
_LEVELS = {"r2": "affine_r2", "nmse": "nmse_outside"}


class Figures:
    """The figures of a run, to be had in several sizes; what no size changes is computed once."""

    def __init__(
        self, records: pd.DataFrame, predictions: pd.DataFrame, looks: dict[str, Appearance]
    ) -> None:
        """Take what is drawn.

        Args:
            records: of the run.
            predictions: of its cells; cells without records are left out.
            looks: of every method label in the records.
        """
        self._looks = looks
        self._order = {label: index for index, label in enumerate(looks)}
        self._sweeps = sweeps(records, self._order)
        self._scenarios = [str(label) for label in records["scenario_label"].unique()]
        curves = records[records["metric"] == "nmse_by_distance"]
        self._distances = {
            label: _distance(error_curves(curves[curves["scenario_label"] == label]), self._order)
            for label in self._scenarios
        }
        self._cells = _cells(records)
        self._paths = _Paths(records, predictions, self._order)

    def of_size(self, numbers: int) -> dict[str, Any]:
        """Return what the page's script draws, with about so many predictions along paths.

        Seeds beyond it are left out, the first stays (thinned if it must be); the same goes for the
        points of cells, which take more room.
        """
        paths = self._paths.of_size(numbers)
        seeds = sorted(self._cells["seed"].unique())
        kept = _first_seeds(seeds, len(self._cells), numbers // _NUMBERS_PER_POINT)
        cells = self._cells[self._cells["seed"].isin(kept)]
        left_out = len(seeds) - len(kept)
        return {
            "sweeps": self._sweeps,
            "methods": [asdict(look) for look in self._looks.values()],
            "scenarios": [
                {
                    "label": label,
                    "distance": self._distances[label],
                    "path": paths.get(label, []),
                    "code": {**_points("r2", own, self._order), "left_out": left_out},
                    "cost": {
                        **_points("seconds", own, self._order, with_all=True),
                        "seconds": _ends(own["seconds"]),
                        "left_out": left_out,
                    },
                }
                for label in self._scenarios
                for own in [cells[cells["scenario_label"] == label]]
            ],
        }


def _distance(good: pd.DataFrame, order: dict[str, int]) -> dict[str, Any]:
    curves: list[dict[str, Any]] = [
        {
            "method": order[str(label)],
            **{name: [plain(v) for v in rows[name]] for name in ("at", "median", "low", "high")},
            "seeds": [int(n) for n in rows["seeds"]],
        }
        for label, rows in curve_spread(good).groupby("method_label", sort=False)
    ]
    curves.sort(key=lambda curve: curve["method"])
    low, high = log_range(m for curve in curves for m in curve["median"] if m is not None)
    names = list(order)
    beyond = [
        f"{names[curve['method']]} (up to {shown(top)})"
        for curve in curves
        for top in [max((m for m in curve["median"] if m is not None), default=0.0)]
        if top > high
    ]
    return {"range": [low, high], "curves": curves, "beyond": beyond}


def _cells(records: pd.DataFrame) -> pd.DataFrame:
    """Return one row per cell that came to an end: where it belongs, and its values by level."""
    columns = ["cell_key", "scenario_label", "method_label", "seed", "process_seconds"]
    good = records.loc[records["status"] == "ok", [*columns, "metric", "value"]]
    cells = good[columns].drop_duplicates("cell_key")
    cells["seconds"] = cells["process_seconds"].where(cells["process_seconds"] > 0)
    for name, metric in _LEVELS.items():
        rows = good[good["metric"] == metric].drop_duplicates("cell_key", keep="last")
        cells[name] = cells["cell_key"].map(rows.set_index("cell_key")["value"]).astype(float)
    return cells


def _first_seeds(seeds: list[int], rows: int, allowed: int) -> list[int]:
    """Return the first seeds that together have about so many of all rows, at least one seed."""
    per_seed = math.ceil(rows / max(1, len(seeds)))
    return seeds[: max(1, allowed // max(1, per_seed))]


class _Paths:
    """Predictions along paths, of no more seeds than any page could hold."""

    def __init__(
        self, records: pd.DataFrame, predictions: pd.DataFrame, order: dict[str, int]
    ) -> None:
        columns = ["cell_key", "scenario_label", "method_label", "seed"]
        cells = records[columns].drop_duplicates("cell_key")
        on_path = predictions["path_position"].notna().to_numpy()
        # by number: a hundred predictions have the same key
        numbers, keys = pd.factorize(predictions["cell_key"])
        rows_of_key = pd.Series(np.bincount(numbers[on_path], minlength=len(keys)), index=keys)
        rows_of_cell = cells["cell_key"].map(rows_of_key).astype(float)
        rows = rows_of_cell.groupby(cells["seed"]).sum()
        rows = rows[rows > 0]
        self._order = order
        self._seeds = [int(seed) for seed in rows.index]
        self._total = int(rows.sum())
        first = cells[cells["seed"].isin(_first_seeds(self._seeds, self._total, _MOST_NUMBERS))]
        shown_keys = np.isin(np.arange(len(keys)), pd.Index(keys).get_indexer(first["cell_key"]))
        self._rows = predictions[on_path & shown_keys[numbers]].merge(first, on="cell_key")

    def of_size(self, allowed: int) -> dict[str, list[dict[str, Any]]]:
        """Return per scenario a list over seeds; together so many predictions, roughly."""
        if not self._seeds or allowed <= 0:
            return {}
        kept = _first_seeds(self._seeds, self._total, allowed)
        stride = math.ceil(self._total / len(self._seeds) / allowed)
        found: dict[str, list[dict[str, Any]]] = {}
        for seed in kept:
            of_seed = self._rows[self._rows["seed"] == seed]
            for scenario, rows in of_seed.groupby("scenario_label"):
                path = _path(rows, self._order, stride)
                found.setdefault(str(scenario), []).append(
                    {"seed": seed, "left_out": len(self._seeds) - len(kept), **path}
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


def _points(
    name: str, cells: pd.DataFrame, order: dict[str, int], with_all: bool = False
) -> dict[str, Any]:
    """Return points of nMSE outside against another value of each cell.

    Args:
        name: of the other value.
        cells: as of `_cells`.
        order: index of every method label.
        with_all: whether the axis of errors is to hold all of them, however large.
    """
    finite = cells[np.isfinite(cells[name]) & np.isfinite(cells["nmse"])]
    limits = {"floor": 0.0, "headroom": math.inf} if with_all else {}
    low, high = log_range(finite["nmse"], **limits)
    columns = (finite[column] for column in ("method_label", "seed", name, "nmse"))
    points, beyond = [], []
    for label, seed, value, nmse in zip(*columns, strict=True):
        points.append(
            {"method": order[label], "seed": int(seed), name: plain(value), "nmse": plain(nmse)}
        )
        if nmse > high:
            beyond.append(f"{label}, seed {seed} ({shown(nmse)})")
    if len(beyond) > _MOST_NAMED:
        beyond[_MOST_NAMED:] = [f"and {len(beyond) - _MOST_NAMED} more"]
    return {"range": [low, high], "points": points, "beyond": beyond}


def _ends(seconds: pd.Series[float]) -> list[float]:
    """Return the ends of an axis that holds the known seconds."""
    known = [float(v) for v in seconds if v > 0] or [1.0]
    return [min(known) / 1.3, max(known) * 1.3]
