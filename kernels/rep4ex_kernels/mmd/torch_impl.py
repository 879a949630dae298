"""MMD^2 in tiles. A chain of doubled bandwidths is one exponential and repeated squaring."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

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
from rep4ex_kernels._tiles import SPREAD_LIMIT, TILE

_LOG2E = math.log2(math.e)
_SMALLEST = {torch.float32: -126.0, torch.float64: -1022.0}


def mmd_pass(
    x: Tensor, y: Tensor, kernel: str, bandwidths: Tensor, unbiased: bool, precision: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return value (B,), grad_x (B, n, d), grad_y (B, m, d).

    x (B, n, d) and y (B, m, d) centred together, bandwidths (B, q).
    """
    value = x.new_empty(len(x))
    grad_x, grad_y = torch.empty_like(x), torch.empty_like(y)
    for problem, widths in enumerate(bandwidths.tolist()):
        a, b = x[problem], y[problem]
        pooled = torch.cat([a, b])
        squares = _square_dtype(pooled, kernel, min(widths), precision)
        floor = coincidence_floor(pooled) if kernel == "laplace" else 0.0
        make = _tile_kernel(kernel, widths, floor, a)
        del pooled
        sums = PairSums(make, a, squares)
        side_x, side_y = make_side(a, squares), make_side(b, squares)
        xx, yy = sums.symmetric(side_x), sums.symmetric(side_y)
        one = combine(xx, yy, sums.cross(side_x, side_y), (len(a), len(b)), unbiased, 1.0)
        value[problem], grad_x[problem], grad_y[problem] = one
    return value, grad_x, grad_y


def _square_dtype(pooled: Tensor, kernel: str, smallest: float, precision: str) -> torch.dtype:
    if kernel == "laplace":
        return root_square_dtype(pooled, precision)
    spread = float(torch.linalg.vector_norm(pooled, dim=1).max()) ** 2 if pooled.numel() else 0.0
    fine = spread * _LOG2E / (2 * smallest**2) <= SPREAD_LIMIT[precision]
    return torch.float32 if fine and pooled.dtype == torch.float32 else torch.float64


def _tile_kernel(
    kernel: str, widths: list[float], floor: float, like: Tensor
) -> Callable[[], TileKernel]:
    if kernel == "gaussian":
        return lambda: _gaussian(sorted(widths, reverse=True), like)
    if kernel == "imq":
        return lambda: _inverse_multiquadric(widths)
    return lambda: _laplace(widths, floor)


def _gaussian(widths: list[float], like: Tensor) -> TileKernel:
    """Weights of the mean of Gaussians, widest first; w = -mean of k_q / h_q^2."""
    share = 1 / len(widths)
    scales = [-_LOG2E / (2 * h * h) for h in widths]
    # Number of squarings from one bandwidth to the next, if it is a whole number and small.
    steps = [_squarings(wide / narrow) for wide, narrow in itertools.pairwise(widths)]
    spare = [like.new_empty(TILE * TILE) for _ in range(2 if len(widths) > 1 else 0)]

    def single(tile: Tensor, diagonal: bool) -> tuple[Tensor, Tensor]:
        tile.mul_(scales[0]).clamp_(min=_SMALLEST[tile.dtype]).exp2_()
        sums = tile.sum(1)
        return tile.mul_(-1 / widths[0] ** 2), sums

    def several(tile: Tensor, diagonal: bool) -> tuple[Tensor, Tensor]:
        current, weights = (s[: tile.numel()].view(tile.shape) for s in spare)
        sums = tile.new_zeros(len(tile))
        for position, h in enumerate(widths):
            step = steps[position - 1] if position else None
            if step is None:
                torch.mul(tile, scales[position], out=current)
                current.clamp_(min=_SMALLEST[tile.dtype]).exp2_()
            else:
                for _ in range(step):
                    current.square_()
            sums.add_(current.sum(1), alpha=share)
            factor = -share / h**2
            if position:
                weights.add_(current, alpha=factor)
            else:
                torch.mul(current, factor, out=weights)
        return weights, sums

    return single if len(widths) == 1 else several


def _squarings(ratio: float) -> int | None:
    """Return s with k_narrow = k_wide^(2^s), or None if a new exp2 is better."""
    doublings = 2 * math.log2(ratio)
    nearest = round(doublings)
    return nearest if abs(doublings - nearest) < 1e-12 and nearest <= 3 else None


def _inverse_multiquadric(widths: list[float]) -> TileKernel:
    """w = -mean of k_q^3 / h_q^2."""
    share = 1 / len(widths)

    def kernel(tile: Tensor, diagonal: bool) -> tuple[Tensor, Tensor]:
        weights = torch.zeros_like(tile)
        sums = tile.new_zeros(len(tile))
        tile.clamp_(min=0)
        for h in widths:
            current = (tile / h**2).add_(1).rsqrt_()
            sums.add_(current.sum(1), alpha=share)
            weights.add_(current.pow_(3), alpha=-share / h**2)
        return weights, sums

    return kernel


def _laplace(widths: list[float], floor: float) -> TileKernel:
    """w = -mean of k_q / (h_q r); zero where the pair coincides."""
    share = 1 / len(widths)

    def kernel(tile: Tensor, diagonal: bool) -> tuple[Tensor, Tensor]:
        roots = tile.clamp(min=0).sqrt_()
        reciprocal = torch.threshold_(tile, floor, math.inf).rsqrt_()
        weights = torch.zeros_like(tile)
        sums = tile.new_zeros(len(tile))
        for h in widths:
            current = (roots * (-_LOG2E / h)).clamp_(min=_SMALLEST[tile.dtype]).exp2_()
            sums.add_(current.sum(1), alpha=share)
            weights.add_(current, alpha=-share / h)
        return weights.mul_(reciprocal), sums

    return kernel
