"""Value and gradients of mean k(x, x') + mean k(y, y') - 2 mean k(x, y) from compiled sums."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rep4ex_kernels._numba_run import Array, Weighting, across, cross, symmetric, with_ones
from rep4ex_kernels._radial import Sums, combine


def two_sample_pass(
    x: Tensor, y: Tensor, unbiased: bool, diagonal: float, weighting: Callable[[int], Weighting]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return value (B,), grad_x (B, n, d), grad_y (B, m, d).

    `weighting` gives that of a problem of the batch; `diagonal` is k(0).
    """
    value = x.new_empty(len(x))
    grad_x, grad_y = torch.empty_like(x), torch.empty_like(y)
    for problem in range(len(x)):
        a, b, how = across(x[problem]), across(y[problem]), weighting(problem)
        ones_a, ones_b = (a, b) if how.differences else (with_ones(a), with_ones(b))
        inside = []
        for points, columns in ((a, ones_a), (b, ones_b)):
            total, sums = symmetric(points, columns, how)
            gradient = 2 * _pull(points, total)
            inside.append(Sums(sums, gradient, gradient))
        total_a, total_b, sums = cross(a, b, ones_a, ones_b, how)
        between = Sums(sums, _pull(a, total_a), _pull(b, total_b))
        sizes = (a.shape[1], b.shape[1])
        one = combine(inside[0], inside[1], between, sizes, unbiased, diagonal)
        value[problem], grad_x[problem], grad_y[problem] = one
    return value, grad_x, grad_y


def _pull(points: Array, total: Array) -> Tensor:
    """Return sum_j w_ij (x_i - y_j) as (n, d): the total itself, or x_i (w 1)_i - (w y)_i."""
    if len(points) == len(total):
        return torch.from_numpy(total).T
    return torch.from_numpy(points * total[:1] - total[1:]).T
