"""Grids of parameters: for some parameters of a method, the values to try.

A grid stands for the product of its lists. Its points come in one order that does not depend on how
the grid was written: parameters by name, each list as it stands, the last name varying fastest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

Grid = Mapping[str, Sequence[Any]]
Point = dict[str, Any]

# Registered name of the method that tunes another one (`methods/tuned.py`).
TUNED = "tuned"


def size(grid: Grid) -> int:
    """Return the number of points."""
    return math.prod(len(values) for values in grid.values())


def points(grid: Grid) -> list[Point]:
    """Return all points, each a value by parameter."""
    names = sorted(grid)
    return [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(grid[name] for name in names))
    ]


def is_at(parameters: Mapping[str, Any], point: Point) -> bool:
    """Say whether plain parameters have the values of a point, which then changes nothing."""
    return all(parameters.get(name) == value for name, value in point.items())


def point_text(point: Point) -> str:
    """Return "hidden = 32, penalty_weight = 0.3"; of a component its name."""
    return ", ".join(f"{name} = {_value_text(value)}" for name, value in point.items())


def configurations(parameters: Mapping[str, Any]) -> int:
    """Return how many configurations a tuned method tries, from its plain parameters.

    All points of the grid, and the default where it is none of them, but no more than the budget.
    """
    grid, base = parameters["grid"], parameters["method"]["parameters"]
    holds_default = all(base.get(name) in values for name, values in grid.items())
    return min(int(parameters["candidates"]), size(grid) + (not holds_default))


def _value_text(value: Any) -> str:
    return str(value["name"] if isinstance(value, Mapping) and "name" in value else value)
