"""Value and gradients of mean k(x, x') + mean k(y, y') - 2 mean k(x, y) from compiled sums."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rep4ex_kernels._numba_pairs import lines, pair_sums
from rep4ex_kernels._numba_run import Array, sum_over_pairs, turn


class Weighting(NamedTuple):
    """Which weights, and their constants, a row for every problem (see `_numba_pairs.weigh`).

    Attributes:
        mode: of the kernel k.
        scales: (B, q) float32.
        factors: (B, q) float32, the first 1.
        steps: (B, q) int64.
        differences: whether differences of points are summed.
        slopes: (B,) float64: the weight 2 k' is this times what `weigh` gives.
        diagonal: k(0).
    """

    mode: int
    scales: Array
    factors: Array
    steps: Array
    differences: bool
    slopes: Array
    diagonal: float


def two_sample_pass(
    a: Array, b: Array, x: Tensor, y: Tensor, unbiased: bool, how: Weighting, unit: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return value (B,), grad_x (B, n, d), grad_y (B, m, d), all times `unit`.

    x (B, n, d) and y (B, m, d); a and b are what `read_points` made of them, with a row of ones
    unless differences are summed.
    """
    (batches, n, _), m = x.shape, y.shape[1]
    value = x.new_empty(batches)
    grad_x, grad_y = torch.empty_like(x), torch.empty_like(y)
    ones = 0 if how.differences else 1

    def work(first: int, stride: int) -> tuple[Array, ...]:
        sums: tuple[Array, ...] = _sums(
            a, b, ones, n, m, how.mode, how.scales, how.factors, how.steps, first, stride
        )
        return sums

    within_x, within_y, between_x, between_y, sums = sum_over_pairs(batches, n, m, work)
    _combine(
        a, b, ones, within_x, within_y, between_x, between_y, sums, unbiased,
        how.diagonal, how.slopes, unit, value.numpy(), grad_x.numpy(), grad_y.numpy(),
    )  # fmt: skip
    return value, grad_x, grad_y


@njit(nogil=True, cache=True)
def _sums(
    x: Any, y: Any, ones: Any, n: Any, m: Any, mode: Any, scales: Any, factors: Any, steps: Any,
    first: Any, stride: Any,
) -> Any:  # fmt: skip
    """Return the sums of weights times columns of (x, x), (y, y), (x, y), (y, x), and of kernels.

    x (B, ones + d, n and more) and y; the last result (B, 3) is that over i < j within x and within
    y and that of all pairs between.
    """
    batches, rows = x.shape[0], x.shape[1]
    within_x, within_y = lines(batches, rows, n), lines(batches, rows, m)
    between_x, between_y = lines(batches, rows, n), lines(batches, rows, m)
    values = np.zeros((batches, 3))
    differences = ones == 0
    for b in range(batches):
        how = (mode, scales[b], factors[b], steps[b], differences)
        u, v = x[b], y[b]
        p, q = u[ones:], v[ones:]
        values[b, 0] = pair_sums(
            p, p, u, u, n, n, True, *how, turn(first, stride, b), stride, within_x[b], within_x[b]
        )
        values[b, 1] = pair_sums(
            q, q, v, v, m, m, True, *how, turn(first, stride, b + 1), stride, within_y[b],
            within_y[b],
        )  # fmt: skip
        values[b, 2] = pair_sums(
            p, q, u, v, n, m, False, *how, turn(first, stride, b), stride, between_x[b],
            between_y[b],
        )  # fmt: skip
    return within_x, within_y, between_x, between_y, values


@njit(nogil=True, cache=True)
def _combine(
    x: Any, y: Any, ones: Any, within_x: Any, within_y: Any, between_x: Any, between_y: Any,
    sums: Any, unbiased: Any, diagonal: Any, slopes: Any, unit: Any, value: Any, grad_x: Any,
    grad_y: Any,
) -> None:  # fmt: skip
    """Fill value (B,), grad_x (B, n, d), grad_y (B, m, d) from the results of `_sums`."""
    batches, n, m = len(value), grad_x.shape[1], grad_y.shape[1]
    less, own = (1, 0.0) if unbiased else (0, diagonal)
    pairs_x, pairs_y, pairs = n * (n - 1.0 * less), m * (m - 1.0 * less), n * m * 0.5
    for b in range(batches):
        mean_x = (2 * sums[b, 0] + n * own) / pairs_x
        mean_y = (2 * sums[b, 1] + m * own) / pairs_y
        value[b] = unit * (mean_x + mean_y - sums[b, 2] / pairs)
        slope = unit * slopes[b]
        _pull(x[b], ones, within_x[b], 2 * slope / pairs_x, between_x[b], -slope / pairs, grad_x[b])
        _pull(y[b], ones, within_y[b], 2 * slope / pairs_y, between_y[b], -slope / pairs, grad_y[b])


@njit
def _pull(
    points: Any, ones: Any, within: Any, part: Any, between: Any, other: Any, out: Any
) -> None:
    """out (n, d) = part times the pull in `within` plus other times that in `between`.

    The pull sum_j w_ij (x_i - y_j) is the total itself, or x_i (w 1)_i - (w y)_i.
    """
    n, d = out.shape
    for i in range(n):
        mass = part * within[0, i] + other * between[0, i] if ones else 0.0
        for c in range(d):
            row = ones + c
            total = part * within[row, i] + other * between[row, i]
            out[i, c] = points[row, i] * mass - total if ones else total
