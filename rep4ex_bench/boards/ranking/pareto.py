"""Pareto front of accuracy against cost."""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray


def on_front(error: FloatArray, cost: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Say for each method (m,) whether no other is at least as good in both and better in one.

    What is not finite in either (a failure, a cost nobody measured) is never on the front.
    """
    finite = np.isfinite(error) & np.isfinite(cost)
    front = finite.copy()
    for index in np.flatnonzero(finite):
        no_worse = finite & (error <= error[index]) & (cost <= cost[index])
        better = (error < error[index]) | (cost < cost[index])
        front[index] = not (no_worse & better).any()
    return front
