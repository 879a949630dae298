"""Distance to breakdown: how far outside the support a method beats a baseline all the way.

Of one seed it is the first distance, from the edge of the support outwards, at which the error by
distance is no longer below that of the baseline. Shown is the median over seeds, with its interval.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from rep4ex_bench.boards.distances import error_curves
from rep4ex_bench.boards.intervals import median_interval
from rep4ex_bench.data import FloatArray
from rep4ex_bench.records.records import LEFT_OUT

BASELINES = {"ols": "ols_on_actions", "mean": "constant_mean"}


def breakdowns(rows: pd.DataFrame, independent: bool = True) -> pd.DataFrame:
    """Return the distance to breakdown of every method of one scenario.

    Args:
        rows: records of one scenario.
        independent: whether its seeds are; those that split one table give no interval.

    Returns:
        index method_label, columns breakdown_ols and breakdown_mean (medians over seeds of
        `first_stop`), each with _low and _high (95 % interval of the median, NaN with fewer than 6
        seeds). NaN where the scenario has no such baseline or no curve.
    """
    curves = seed_curves(rows)
    names = rows.drop_duplicates("method_label").set_index("method")["method_label"]
    found = pd.DataFrame(index=pd.Index(rows["method_label"].unique(), name="method_label"))
    for column, baseline in BASELINES.items():
        label = str(names.get(baseline))
        ends = []
        for method in found.index:
            reaches = np.array([]) if method == label else _reaches(curves, str(method), label)
            interval = median_interval(reaches) if independent else (math.nan, math.nan)
            ends.append((_middle(reaches), *interval))
        for place, end in enumerate(("", "_low", "_high")):
            found[f"breakdown_{column}{end}"] = [values[place] for values in ends]
    return found


def seed_curves(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the error by distance, by method: index distance (ascending), a column a seed.

    A seed without a value counts as infinitely bad, but for those that are left out of the run.
    Methods without any value have no curves.
    """
    good = error_curves(rows)
    distances = np.sort(good["at"].unique())
    left = rows.loc[rows["status"].isin(LEFT_OUT), ["method_label", "seed"]]
    seeds = rows["seed"].unique()
    found = {}
    for method, own in good.groupby("method_label", sort=False):
        empty = set(left.loc[left["method_label"] == method, "seed"]) - set(own["seed"])
        table = own.pivot_table(index="at", columns="seed", values="value", aggfunc="max")
        kept = [seed for seed in seeds if seed not in empty]
        found[str(method)] = table.reindex(index=distances, columns=kept).fillna(math.inf)
    return found


def _middle(reaches: FloatArray) -> float:
    """Return the median; where it would be the mean of a distance and infinity, the distance."""
    if len(reaches) == 0:
        return math.nan
    low, high = (np.quantile(reaches, 0.5, method=end) for end in ("lower", "higher"))
    return float(low if math.isinf(high) else (low + high) / 2)


def _reaches(curves: dict[str, pd.DataFrame], method: str, baseline: str) -> FloatArray:
    """Return the distance to breakdown on the seeds that both have."""
    if method not in curves or baseline not in curves:
        return np.array([])
    own, other = curves[method], curves[baseline]
    distance = own.index.to_numpy(dtype=float)
    both = [seed for seed in own.columns if seed in other.columns]
    return np.array([first_stop(distance, own[s].to_numpy(), other[s].to_numpy()) for s in both])


def first_stop(distance: FloatArray, error: FloatArray, baseline: FloatArray) -> float:
    """Return the first distance outside the support at which `error` is not below `baseline`.

    Args:
        distance: (p,), ascending; those below 1 are not looked at.
        error: (p,), of the method.
        baseline: (p,), of the baseline.

    Returns:
        infinity where `error` is the smaller one at every distance, 1 where it is not even at the
        first; linear between the distances. NaN where no distance is outside.
    """
    outside = distance >= 1
    if not outside.any():
        return math.nan
    distance, gap = distance[outside], _gap(error[outside], baseline[outside])
    lost = np.flatnonzero(gap >= 0)
    if len(lost) == 0:
        return math.inf
    first = int(lost[0])
    if first == 0:
        return 1.0
    before, after = gap[first - 1], gap[first]
    if not math.isfinite(before) or not math.isfinite(after):
        return float(distance[first - 1])
    share = before / (before - after)
    return float(distance[first - 1] + share * (distance[first] - distance[first - 1]))


def _gap(error: FloatArray, baseline: FloatArray) -> FloatArray:
    """Return error - baseline; a method that failed where the baseline failed too has lost."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(error), np.inf, error - baseline)
