"""Calls of the compiled sums over pairs: how threads share them, and the Gaussian product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rep4ex_kernels._numba_pairs import COLUMNS, GAUSSIAN, ROWS, lines, pair_sums
from rep4ex_kernels._threads import sum_in_threads

Array = NDArray[Any]
# Arguments of `pair_sums` that a single Gaussian has no use for.
NO_FACTORS, NO_STEPS = np.ones(1, np.float32), np.zeros(1, np.int64)


def sum_over_pairs(
    batches: int, n: int, m: int, work: Callable[[int, int], tuple[Any, ...]]
) -> list[Any]:
    """Call work(first, stride) once a thread, for all blocks; return the sum of each result.

    A thread must have a tile of pairs at least, or it costs more than it takes over.
    """
    columns = batches * -(-max(n, m) // COLUMNS)
    return sum_in_threads(min(columns, batches * n * m // (ROWS * COLUMNS)), work)


@njit
def turn(first: Any, stride: Any, number: Any) -> Any:
    """Return a thread's first block of the sum of a number: the sums begin with different ones."""
    return (first + number) % stride


@njit(nogil=True, cache=True)
def gaussian_products(
    points: Any, values: Any, n: Any, scales: Any, first: Any, stride: Any
) -> Any:
    """Return sum_(j != i) exp2(scale |p_i - p_j|^2) v_j (B, c, n and more).

    points (B, k, n and more), values (B, c, n and more), scales (B, 1).
    """
    batches, columns, _ = values.shape
    out = lines(batches, columns, n)
    for b in range(batches):
        x, v, total = points[b], values[b], out[b]
        pair_sums(
            x, x, v, v, n, n, True, GAUSSIAN, scales[b], NO_FACTORS, NO_STEPS, False,
            turn(first, stride, b), stride, total, total,
        )  # fmt: skip
    return out
