"""The table of all results as data that a browser draws: small, and no HTML in it.

    rows     [suite, scenario, entry, role, nmse_outside, low, high, nmse_inside, affine_r2,
              cost_seconds, cells_ok, cells], the first three as places in the lists beside them;
              why the fields are empty at the end, where they are

Numbers have four digits; null is a value that does not exist, 1e300 one of a failure.
"""

from __future__ import annotations

import math
from typing import Any

from rep4ex_bench.leaderboard.site.entries import Entry
from rep4ex_bench.leaderboard.site.links import Link, entry_link, scenario_link
from rep4ex_bench.leaderboard.site.rounds import Round

FAILED = 1e300
_NUMBERS = (
    "nmse_outside",
    "nmse_outside_low",
    "nmse_outside_high",
    "nmse_inside",
    "affine_r2",
    "cost_seconds",
)


def results_data(found: list[tuple[Round, dict[str, Entry]]]) -> dict[str, Any]:
    """Return the data of the rounds, each with its entries by label."""
    suites: dict[str, int] = {}
    links: tuple[dict[Link, int], dict[Link, int]] = ({}, {})
    rows = []
    for one, entries in found:
        for row in one.board.to_dict("records"):
            scenario = scenario_link(one, str(row["scenario_label"]))
            entry = entry_link(entries[str(row["method_label"])])
            rows.append(
                [
                    suites.setdefault(one.suite, len(suites)),
                    links[0].setdefault(scenario, len(links[0])),
                    links[1].setdefault(entry, len(links[1])),
                    str(row["role"]),
                    *(_number(float(row[name])) for name in _NUMBERS),
                    int(row["cells_ok"]),
                    int(row["cells"]),
                    *([str(row["left_out"])] if row["left_out"] else []),
                ]
            )
    scenarios, entries_ = ([[link.text, link.href] for link in known] for known in links)
    return {"suites": list(suites), "scenarios": scenarios, "entries": entries_, "rows": rows}


def _number(value: float) -> float | None:
    if math.isnan(value):
        return None
    return float(f"{value:.4g}") if math.isfinite(value) else FAILED
