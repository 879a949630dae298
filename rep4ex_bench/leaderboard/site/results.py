"""The table of all results as data that a browser draws: small, and no HTML in it.

    fewest   seeds that an interval needs
    rows     [suite, scenario, entry, role, nmse_outside, low, high, cost_seconds, cells_ok, cells,
              why], the first three as places in the lists beside them; why the fields are empty,
              "" where they are not; then the metrics of all rounds, in the order of `metrics`

Numbers have four digits; null is a value that does not exist, 1e300 one of a failure.
"""

from __future__ import annotations

import math
from typing import Any

from rep4ex_bench.boards.columns import MetricColumn
from rep4ex_bench.boards.intervals import FEWEST
from rep4ex_bench.leaderboard.site.entries import Entry
from rep4ex_bench.leaderboard.site.links import Link, entry_link, scenario_link
from rep4ex_bench.leaderboard.site.rounds import Round

FAILED = 1e300
_NUMBERS = (
    "nmse_outside",
    "nmse_outside_low",
    "nmse_outside_high",
    "cost_seconds",
)


def results_data(found: list[tuple[Round, dict[str, Entry]]]) -> dict[str, Any]:
    """Return the data of the rounds, each with its entries by label."""
    metrics = all_metrics([one for one, _ in found])
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
                    str(row["left_out"]),
                    *(_number(float(row.get(column.key, math.nan))) for column in metrics),
                ]
            )
    scenarios, entries_ = ([[link.text, link.href] for link in known] for known in links)
    return {
        "suites": list(suites),
        "scenarios": scenarios,
        "entries": entries_,
        "metrics": [column.metric for column in metrics],
        "fewest": FEWEST,
        "rows": rows,
    }


def all_metrics(found: list[Round]) -> list[MetricColumn]:
    """Return the columns of the metrics of any round, each once."""
    return list(dict.fromkeys(column for one in found for column in one.metrics))


def _number(value: float) -> float | None:
    if math.isnan(value):
        return None
    return float(f"{value:.4g}") if math.isfinite(value) else FAILED
