"""Where ours is not first: workloads in which a contender that is not ours is first, and why."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

OURS = "rep4ex_"
_FORWARD = (
    "Ours computes the gradients in the same pass, whether they are asked for or not; a "
    "contender that is asked for the value alone does half the work."
)
_UNEXPLAINED = "No reason is known: a target."


def _reason(workload: str, known: Mapping[str, str]) -> str:
    op = workload.split(maxsplit=1)[0]
    forward_only = " forward " in workload
    return known.get(op) or (_FORWARD if forward_only else _UNEXPLAINED)


def behind(
    table: pd.DataFrame, reasons: Mapping[str, str] | None = None
) -> list[dict[Hashable, Any]]:
    """Return the workloads of a `speed_table` that ours does not lead, farthest behind first.

    Each with workload, first (names in rank 1), ours (the fastest of ours, "" if none ran), ratio
    (its seconds over the fastest contender's) and reason. A shared first rank is a lead.

    Args:
        table: of a run.
        reasons: name of an op -> what is known of its price, to be read beside its rows; none by
            default. `rep4ex_bench.speed.ops.reasons` has them.
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
                "reason": _reason(str(workload), reasons or {}),
            }
        )
    return sorted(rows, key=lambda row: -row["ratio"])
