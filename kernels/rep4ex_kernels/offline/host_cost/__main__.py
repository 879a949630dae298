"""Print what every op costs the host that feeds a GPU; exit 1 where one costs too much."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from rep4ex_kernels.offline.host_cost import (
    HostCost,
    everything_on_gpu,
    median_microseconds,
    pretended_gpu,
)
from rep4ex_kernels.offline.host_cost.cases import BATCH, SINGLE, Case, all_cases
from rep4ex_kernels.offline.host_cost.limits import LIMITS, violations

HEADER = (
    "op", "size", "k", "what", "launches", "operations", "views", "allocations", "waits", "host us",
)  # fmt: skip


WHATS = ("value", "both")


@dataclass(frozen=True)
class Row:
    """A case, for its value or for value and gradient, its cost, what it costs too much of."""

    case: Case
    what: str
    cost: HostCost
    microseconds: float | None
    violations: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it is printed."""
        return f"{self.case.name}, {self.what}"

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        cost, limit, case = self.cost, LIMITS[self.case.op], self.case
        time = "" if self.microseconds is None else f"{self.microseconds:.0f}"
        return (
            case.op, case.size.name, str(case.k), self.what,
            f"{cost.launches} of {limit.launches}", f"{cost.operations} of {limit.operations}",
            str(cost.views), str(cost.allocations), f"{cost.waits} of 0", time,
        )  # fmt: skip


def measured(cases: Iterable[Case], times: bool = False) -> list[Row]:
    """Count every case, and time it where that is asked for."""
    rows: list[Row] = []
    singles: dict[tuple[str, int, str], HostCost] = {}
    for case in cases:
        with pretended_gpu() as gpu:
            prepared = case.prepare()
            calls = {what: getattr(prepared, what) for what in WHATS}
            costs = {what: gpu.count(call) for what, call in calls.items()}
        for what, cost in costs.items():
            key = case.op, case.k, what
            if case.size == SINGLE:
                singles[key] = cost
            single = singles.get(key) if case.size == BATCH else None
            microseconds = None
            if times:
                with everything_on_gpu():
                    microseconds = median_microseconds(calls[what])
            found = tuple(violations(cost, LIMITS[case.op], single))
            rows.append(Row(case, what, cost, microseconds, found))
    return rows


def table(rows: list[Row]) -> str:
    """Return the table as text that is valid Markdown."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    text = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m rep4ex_kernels.offline.host_cost", description=__doc__
    )
    parser.add_argument("--only", default="", help="ops whose name contains this")
    parser.add_argument("--no-times", action="store_true", help="count only")
    parser.add_argument("--names", action="store_true", help="name the operations of each row")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = measured(all_cases(options.only), times=not options.no_times)
    print(table(rows))
    if options.names:
        for row in rows:
            print(f"{row.name}: {row.cost.detail()}")
    broken = [row for row in rows if row.violations]
    for row in broken:
        for violation in row.violations:
            print(f"VIOLATION {row.name}: {violation}", file=sys.stderr)
    print(
        f"\n{len(rows)} rows, {len(broken)} over their limits. Counts are of the CUDA code path on "
        "a pretended GPU. Microseconds are the median on this machine's CPU, its torch operations "
        "on CPU tensors and its kernels doing nothing: not the time of any GPU."
    )
    return 1 if broken or not rows else 0


if __name__ == "__main__":
    raise SystemExit(main())
