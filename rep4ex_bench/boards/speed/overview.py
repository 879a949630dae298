"""One row per contender over all workloads: where it ran, where it was first, how far behind."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from rep4ex_bench.boards.speed.rows import WRONG


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per contender of a `speed_table`, most firsts first.

    Columns: contender, ok (workloads with times), first (alone in rank 1), shared_first, not_first,
    wrong (wrong results), others (neither timed nor wrong), behind (geometric mean of its seconds
    over those of the fastest, over the workloads where it ran).
    """
    rows = []
    if table.empty:
        return table
    fastest = table.groupby("workload")["seconds"].min()
    for contender, own in table.groupby("contender", sort=False):
        good = own[own["state"] == "ok"]
        behind = np.log(good["seconds"].to_numpy() / fastest[good["workload"]].to_numpy())
        first = (good["rank"] == 1).sum()
        alone = ((good["rank"] == 1) & ~good["shared"]).sum()
        rows.append(
            {
                "contender": contender,
                "ok": len(good),
                "first": int(alone),
                "shared_first": int(first - alone),
                "not_first": int(len(good) - first),
                "wrong": int((own["state"] == WRONG).sum()),
                "others": int((~own["state"].isin(["ok", WRONG])).sum()),
                "behind": float(np.exp(behind.mean())) if len(good) else math.nan,
            }
        )
    order = ["first", "shared_first", "behind", "contender"]
    found = pd.DataFrame(rows).sort_values(order, ascending=[False, False, True, True])
    return found.reset_index(drop=True)
