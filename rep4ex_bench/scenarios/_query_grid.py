"""Query actions on a grid of distances from a box-shaped support, plus a straight path."""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Queries

DISTANCES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0)
PATH = np.linspace(-3.0, 3.0, 49)
_DIRECTIONS = 16


def box_queries(k: int, rng: np.random.Generator) -> Queries:
    """Return queries about the support [-1, 1]^k.

    Each distance r > 0 has 16 directions on the surface of r [-1, 1]^k (both of them for k = 1);
    the path follows one further direction from -3 to 3 times the support.
    """
    if k == 1:
        directions = np.array([[-1.0], [1.0]])
        path_direction = np.array([1.0])
    else:
        directions = _on_box_surface(rng.uniform(-1.0, 1.0, (_DIRECTIONS, k)), rng)
        path_direction = _on_box_surface(rng.uniform(-1.0, 1.0, (1, k)), rng)[0]
    scored = [(r * direction, r) for r in DISTANCES if r > 0 for direction in directions]
    scored.append((np.zeros(k), 0.0))
    actions = np.array([action for action, _ in scored])
    distance = np.array([r for _, r in scored])
    return Queries(
        actions=np.concatenate([actions, PATH[:, None] * path_direction]),
        distance=np.concatenate([distance, np.abs(PATH)]),
        path_position=np.concatenate([np.full(len(scored), np.nan), PATH]),
    )


def _on_box_surface(points: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Push one random coordinate of each point (p, k) of the box to its boundary: uniform faces."""
    pushed = points.copy()
    face = rng.integers(points.shape[1], size=len(points))
    rows = np.arange(len(points))
    pushed[rows, face] = np.where(points[rows, face] < 0, -1.0, 1.0)
    return pushed
