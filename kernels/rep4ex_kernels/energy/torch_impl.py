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
from rep4ex_kernels._tiles import TILE


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
    floor = coincidence_floor(pooled)
    sums = PairSums(lambda: _root_kernel(floor, x), x, squares)
    side_x, side_y = make_side(x, squares), make_side(y, squares)
    xx, yy = sums.symmetric(side_x), sums.symmetric(side_y)
    xy = sums.cross(side_x, side_y)
    value, grad_x, grad_y = combine(xx, yy, xy, (len(x), len(y)), unbiased, 0.0)
    return -value, grad_x.neg_(), grad_y.neg_()


def _root_kernel(floor: float, like: Tensor) -> TileKernel:
    spare = like.new_empty(TILE * TILE)

    def kernel(tile: Tensor, diagonal: bool) -> tuple[Tensor, Tensor]:
        squares = torch.clamp(tile, min=0, out=spare[: tile.numel()].view(tile.shape))
        weights = torch.threshold_(tile, floor, math.inf).rsqrt_()
        return weights, squares.mul_(weights).sum(1)

    return kernel
