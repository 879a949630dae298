"""The honest rows: workloads in which a contender that is not ours is first, and why."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

OURS = "rep4ex_"
# What is known of an op's price, to be read beside its rows; the board's columns bear it out.
REASONS = {
    "residualize": (
        "Ours adds up in float64 and reads the data twice, which buys about a hundred times less "
        "error of the value; QR and lstsq do all in float32. In small problems the calls around "
        "the sums are most of the time."
    ),
    "invariance_penalty": (
        "With actions of so many columns the kernel has no low rank, and the pass is dense. A "
        "kernel matrix that is kept from step to step saves its exponentials, for n x n memory."
    ),
}
_FORWARD = (
    "Ours computes the gradients in the same pass, whether they are asked for or not; a "
    "contender that is asked for the value alone does half the work."
)
_UNEXPLAINED = "No reason is known: a target."


def _reason(workload: str) -> str:
    op = workload.split(maxsplit=1)[0]
    forward_only = " forward " in workload
    return REASONS.get(op, _FORWARD if forward_only else _UNEXPLAINED)


def behind(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Return the workloads of a `speed_table` that ours does not lead, farthest behind first.

    Each with workload, first (names in rank 1), ours (the fastest of ours, "" if none ran), ratio
    (its seconds over the fastest contender's) and reason. A shared first rank is a lead.
    """
    rows: list[dict[Hashable, Any]] = []
    for workload, found in table.groupby("workload", sort=False) if len(table) else ():
        timed = found[found["state"] == "ok"].sort_values("seconds")
        own = timed[timed["contender"].str.startswith(OURS)]
        if timed.empty or (own["rank"] == 1).any():
            continue
        first = timed[timed["rank"] == 1]["contender"]
        best = own.iloc[0] if len(own) else None
        rows.append(
            {
                "workload": workload,
                "first": ", ".join(first),
                "ours": "" if best is None else best["contender"],
                "ratio": float("inf")
                if best is None
                else float(best["seconds"] / timed.iloc[0]["seconds"]),
                "reason": _reason(str(workload)),
            }
        )
    return sorted(rows, key=lambda row: -row["ratio"])
