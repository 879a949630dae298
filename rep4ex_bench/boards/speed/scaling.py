"""Growth exponents: the slope of log seconds, and of log bytes, on log n.

seconds ~ n^time_exponent        2 for a dense pass, 1 for a factorised one
bytes   ~ n^memory_exponent      1 where no n x n buffer is held
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import linregress, t

from rep4ex_bench.boards.intervals import LEVEL
from rep4ex_bench.boards.speed.summary import SpeedSummary
from rep4ex_bench.data import FloatArray

_FEWEST = 3


@dataclass(frozen=True)
class Growth:
    """A fitted growth exponent.

    Attributes:
        exponent: slope of the least-squares line through all sizes, NaN below 3 sizes.
        low, high: 95 % interval of the slope by Student's t over the deviations from the line,
            so curvature (overheads at small n) widens it.
        last: slope between the two largest sizes, nearest to what holds for large n.
        sizes: number of sizes.
    """

    exponent: float
    low: float
    high: float
    last: float
    sizes: int


def growth(n: FloatArray, values: FloatArray) -> Growth:
    """Return the growth exponent of values at sizes n, both of shape (sizes,).

    Values that are not finite and above 0 are left out.
    """
    good = np.isfinite(values) & (values > 0)
    order = np.argsort(n[good], kind="stable")
    x, y = np.log(n[good][order]), np.log(values[good][order])
    sizes = len(np.unique(x))
    last = float((y[-1] - y[-2]) / (x[-1] - x[-2])) if len(x) == sizes >= 2 else math.nan
    if sizes < _FEWEST:
        return Growth(math.nan, math.nan, math.nan, last, sizes)
    fit = linregress(x, y)
    reach = float(t.ppf((1 + LEVEL) / 2, len(x) - 2)) * float(fit.stderr)
    slope = float(fit.slope)
    return Growth(slope, slope - reach, slope + reach, last, sizes)


def scaling_table(summary: SpeedSummary) -> pd.DataFrame:
    """Return one row per family of workloads and contender that ran at 2 sizes or more.

    Columns: family, contender, sizes, n_min, n_max, then time_exponent, time_low, time_high,
    time_last and memory_exponent, memory_low, memory_high, memory_last as in `Growth`.
    """
    families = {label: each.family for label, each in summary.workloads.items()}
    sizes = {label: each.n for label, each in summary.workloads.items()}
    good = summary.table
    if good.empty:
        return good
    good = good[good["state"] == "ok"]
    good = good.assign(family=good["workload"].map(families), n=good["workload"].map(sizes))
    rows = []
    for (family, contender), own in good.groupby(["family", "contender"], sort=False):
        n = own["n"].to_numpy(float)
        if len(set(n)) < 2:
            continue
        row: dict[str, object] = {"family": family, "contender": contender}
        row |= {"sizes": len(set(n)), "n_min": int(n.min()), "n_max": int(n.max())}
        columns = (("time", "seconds"), ("memory", "peak_extra_bytes"))
        for (name, column), part in itertools.product(columns, ("exponent", "low", "high", "last")):
            row[f"{name}_{part}"] = getattr(growth(n, own[column].to_numpy(float)), part)
        rows.append(row)
    return pd.DataFrame(rows)
