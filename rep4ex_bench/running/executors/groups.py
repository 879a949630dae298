"""Which cells are fitted together: those of one method that gains from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rep4ex_bench.method import OracleMethod
from rep4ex_bench.running.suite import Cell


def group_cells(cells: Sequence[Cell], workers: int) -> list[list[Cell]]:
    """Return the cells in groups of one method each, in the order of their first cells.

    A group is at most as large as the method asks for and as leaves every worker one. Cells of one
    scenario stay together: what is stacked must have one shape. Results do not depend on the groups
    (`Method.fit_many`).
    """
    by_method: dict[str, list[Cell]] = {}
    for cell in cells:
        by_method.setdefault(cell.method_label, []).append(cell)
    groups = []
    for own in by_method.values():
        scenarios = list(dict.fromkeys(cell.scenario_label for cell in own))
        own.sort(key=lambda cell: scenarios.index(cell.scenario_label))
        size = _size(own, workers)
        groups += [own[first : first + size] for first in range(0, len(own), size)]
    order = {id(cell): place for place, cell in enumerate(cells)}
    return sorted(groups, key=lambda group: min(order[id(cell)] for cell in group))


def _size(cells: list[Cell], workers: int) -> int:
    method = cells[0].method
    if isinstance(method, OracleMethod):  # fitted with the oracle of each
        return 1
    return max(1, min(method.group_size, math.ceil(len(cells) / workers)))
