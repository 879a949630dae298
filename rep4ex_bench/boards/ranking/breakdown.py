"""Distance to breakdown: how far outside the support a method still beats a baseline.

It is where the median error by distance crosses that of the baseline for good. Nearer than that the
baseline may still be the better one: close to the support a straight line is hard to beat.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from rep4ex_bench.data import FloatArray
from rep4ex_bench.records.records import LEFT_OUT

BASELINES = {"ols": "ols_on_actions", "mean": "constant_mean"}


def breakdowns(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the distance to breakdown of every method of one scenario.

    Args:
        rows: records of one scenario.

    Returns:
        index method_label, columns breakdown_ols and breakdown_mean; NaN where the scenario has no
        such baseline or no curve; otherwise as of `crossing`.
    """
    curves = median_curves(rows)
    names = rows.drop_duplicates("method_label").set_index("method")["method_label"]
    found = pd.DataFrame(index=pd.Index(rows["method_label"].unique(), name="method_label"))
    for column, baseline in BASELINES.items():
        label = names.get(baseline)
        reference = curves.get(str(label))
        found[f"breakdown_{column}"] = [
            math.nan
            if reference is None or method not in curves or method == label
            else crossing(
                curves.index.to_numpy(dtype=float), curves[method].to_numpy(), reference.to_numpy()
            )
            for method in found.index
        ]
    return found


def median_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the median over all seeds of the error by distance: index distance, columns methods.

    A seed without a value counts as infinitely bad, but for those that are left out of the run.
    """
    good = rows[(rows["metric"] == "nmse_by_distance") & (rows["status"] == "ok")]
    if good.empty:
        return pd.DataFrame()
    table = good.pivot_table(
        index="at", columns=["method_label", "seed"], values="value", aggfunc="max", dropna=False
    )
    seeds = rows["seed"].unique()
    methods = good["method_label"].unique()
    columns = pd.MultiIndex.from_product([methods, seeds], names=["method_label", "seed"])
    left = rows.loc[rows["status"].isin(LEFT_OUT), ["method_label", "seed"]]
    if len(left):
        ran = {*good[["method_label", "seed"]].itertuples(index=False, name=None)}
        empty = {*left.itertuples(index=False, name=None)} - ran
        columns = columns[[cell not in empty for cell in columns]]
    whole = table.reindex(columns=columns).fillna(math.inf)
    return whole.T.groupby(level=0).median().T


def crossing(distance: FloatArray, error: FloatArray, baseline: FloatArray) -> float:
    """Return the distance from which on `error` never again lies below `baseline`.

    Args:
        distance: (p,), ascending; those below 1 are not looked at.
        error: (p,), of the method.
        baseline: (p,), of the baseline.

    Returns:
        infinity where `error` is the smaller one at the largest distance, 1 where it never is;
        linear between the distances.
    """
    outside = distance >= 1
    distance, gap = distance[outside], _gap(error[outside], baseline[outside])
    won = np.flatnonzero(gap < 0)
    if len(won) == 0:
        return 1.0
    last = int(won[-1])
    if last == len(gap) - 1:
        return math.inf
    before, after = gap[last], gap[last + 1]
    if not math.isfinite(before) or not math.isfinite(after):
        return float(distance[last])
    share = before / (before - after)
    return float(distance[last] + share * (distance[last + 1] - distance[last]))


def _gap(error: FloatArray, baseline: FloatArray) -> FloatArray:
    """Return error - baseline; a method that failed where the baseline failed too has lost."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(error), np.inf, error - baseline)
