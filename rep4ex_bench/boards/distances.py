"""Error curves by distance: from records to one value per method, seed and place on the axis.

Actions that somebody observed have as many distances as actions. Where there are too many for a
curve, near ones are joined: each error is then the mean over a stretch of distances.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from rep4ex_bench.data import FloatArray

MOST_DISTANCES = 30
_STRETCHES = (5, 15)  # inside and outside the support


def error_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the error by distance of the cells of one scenario that have one.

    Args:
        rows: records of one scenario.

    Returns:
        columns method_label, seed, at, value; `at` as of `joined`.
    """
    good = rows[(rows["metric"] == "nmse_by_distance") & (rows["status"] == "ok")]
    curves = good[["method_label", "seed", "at", "value"]]
    if curves["at"].nunique() <= MOST_DISTANCES:
        return curves
    places = joined(curves["at"].to_numpy(float))
    by_place = curves.assign(at=places).groupby(["method_label", "seed", "at"], sort=False)
    return by_place["value"].mean().reset_index()


def curve_spread(curves: pd.DataFrame) -> pd.DataFrame:
    """Return what seeds make of the curves of one scenario.

    Args:
        curves: of `error_curves`.

    Returns:
        columns method_label, at, median, low, high (smallest and largest of all seeds) and seeds
        (how many have a value there), by method in the order of the curves, then by distance. What
        is not finite is no value.
    """
    finite = curves.assign(value=curves["value"].where(np.isfinite(curves["value"])))
    found = finite.groupby(["method_label", "at"], sort=False)["value"].agg(
        median="median", low="min", high="max", seeds="size"
    )
    order = {label: place for place, label in enumerate(curves["method_label"].unique())}
    rows = found.reset_index()
    return rows.sort_values(
        ["method_label", "at"],
        key=lambda column: column.map(order) if column.name == "method_label" else column,
        ignore_index=True,
    )


def joined(distances: FloatArray) -> FloatArray:
    """Return for each distance (n,) the middle of its stretch: the mean of the distinct distances.

    Stretches are equally wide, inside the support (up to 1) and outside of it; none crosses the
    edge.
    """
    distinct = np.unique(distances)
    inside, outside = _STRETCHES
    top = max(float(distinct[-1]), 1.0)
    edges = np.concatenate([np.linspace(0, 1, inside + 1), np.linspace(1, top, outside + 1)[1:]])
    # a distance of exactly 1 lies inside
    stretch = np.searchsorted(edges, distinct, side="left")
    middles = np.bincount(stretch, distinct) / np.maximum(np.bincount(stretch), 1)
    return np.asarray(middles[stretch][np.searchsorted(distinct, distances)])
