"""Calls of the compiled sums: arrays in, threads, arrays out.

Threads take every T-th block of rows; see `_threads`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rep4ex_kernels._numba_pairs import ROWS, pair_sums
from rep4ex_kernels._threads import sum_in_threads

Array = NDArray[np.float32]


class Weighting(NamedTuple):
    """Which weights, and their constants (see `_numba_pairs.weigh`)."""

    mode: int
    scales: Array
    factors: Array
    steps: NDArray[np.int64]
    differences: bool

    @staticmethod
    def make(
        mode: int,
        scales: list[float] | None = None,
        factors: list[float] | None = None,
        steps: list[int] | None = None,
        differences: bool = False,
    ) -> Weighting:
        """Pack constants; those left out are one zero."""
        return Weighting(
            mode,
            np.array(scales or [0.0], np.float32),
            np.array(factors or [0.0], np.float32),
            np.array(steps or [-1], np.int64),
            differences,
        )


def across(value: Tensor) -> Array:
    """Return (n, columns) as a contiguous (columns, n) array."""
    return np.ascontiguousarray(value.numpy().T, dtype=np.float32)


def with_ones(points: Array) -> Array:
    """Return ones and the points, (1 + columns, n)."""
    return np.concatenate([np.ones((1, points.shape[1]), np.float32), points])


def symmetric(points: Array, values: Array, weighting: Weighting) -> tuple[Array, float]:
    """Return sum_j w_ij v_j (c, n) and sum_ij k_ij over all pairs of points (k, n)."""

    def work(first: int, stride: int) -> tuple[Array, float]:
        out = np.zeros_like(values)
        value = pair_sums(points, points, values, values, True, *weighting, first, stride, out, out)
        return out, float(value)

    out, value = sum_in_threads(-(-points.shape[1] // ROWS), work)
    return out, value


def cross(
    x: Array, y: Array, values_x: Array, values_y: Array, weighting: Weighting
) -> tuple[Array, Array, float]:
    """Return sum_j w_ij u_j (c, n), sum_i w_ij v_i (c, m) and sum_ij k_ij."""

    def work(first: int, stride: int) -> tuple[Array, Array, float]:
        out_x, out_y = np.zeros_like(values_x), np.zeros_like(values_y)
        value = pair_sums(x, y, values_x, values_y, False, *weighting, first, stride, out_x, out_y)
        return out_x, out_y, float(value)

    out_x, out_y, value = sum_in_threads(-(-x.shape[1] // ROWS), work)
    return out_x, out_y, value
