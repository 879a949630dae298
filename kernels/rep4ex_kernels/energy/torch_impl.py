"""Energy distance in tiles: one rsqrt gives the weight 1 / r and the value r = r^2 / r."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rep4ex_kernels._radial import (
    PairSums,
    TileKernel,
    coincidence_floor,
    combine,
    make_side,
    root_square_dtype,
)


def energy_pass(
    x: Tensor, y: Tensor, unbiased: bool, precision: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return value (B,), grad_x (B, n, d), grad_y (B, m, d) for centred x and y."""
    value = x.new_empty(len(x))
    grad_x, grad_y = torch.empty_like(x), torch.empty_like(y)
    for problem in range(len(x)):
        one = _distance(x[problem], y[problem], unbiased, precision)
        value[problem], grad_x[problem], grad_y[problem] = one
    return value, grad_x, grad_y


def _distance(x: Tensor, y: Tensor, unbiased: bool, precision: str) -> tuple[float, Tensor, Tensor]:
    pooled = torch.cat([x, y])
    squares = root_square_dtype(pooled, precision)
    sums = PairSums(_root_kernel(coincidence_floor(pooled)), x, squares)
    side_x, side_y = make_side(x, squares), make_side(y, squares)
    xx, yy = sums.symmetric(side_x), sums.symmetric(side_y)
    xy = sums.cross(side_x, side_y)
    value, grad_x, grad_y = combine(xx, yy, xy, (len(x), len(y)), unbiased, 0.0)
    return -value, grad_x.neg_(), grad_y.neg_()


def _root_kernel(floor: float) -> TileKernel:
    def kernel(tile: Tensor, diagonal: bool) -> tuple[Tensor, Tensor]:
        squares = tile.clamp(min=0)
        weights = torch.threshold_(tile, floor, math.inf).rsqrt_()
        return weights, squares.mul_(weights).sum(1)

    return kernel
