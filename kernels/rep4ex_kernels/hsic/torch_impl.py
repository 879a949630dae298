"""HSIC in tiles, two passes: row sums of both kernels, then value and gradients.

    dV/dK_ij = c (L_ij - alpha (l_i + l_j) + beta),   V = sum_ij K_ij dV/dK_ij,   l = L 1

biased: alpha = 1 / n, beta = 1'l / n^2, c = 1 / n^2; unbiased, with zero diagonals: 1 / (n - 2),
1'l / ((n - 1)(n - 2)), 1 / (n (n - 3)). The same with K and L exchanged.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels._threads import sum_in_threads
from rep4ex_kernels._tiles import (
    TILE,
    Factors,
    TileBuffer,
    scale_points,
    shares,
    square_dtype,
    upper_tiles,
)


def hsic_pass(
    x: Tensor,
    y: Tensor,
    bandwidth_x: Tensor,
    bandwidth_y: Tensor,
    unbiased: bool,
    precision: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return value (B,), grad_x (B, n, p), grad_y (B, n, q) for centred x and y."""
    value = x.new_empty(len(x))
    grad_x, grad_y = torch.empty_like(x), torch.empty_like(y)
    widths = zip(bandwidth_x.tolist(), bandwidth_y.tolist(), strict=True)
    for problem, (h_x, h_y) in enumerate(widths):
        sides = [
            _Side(points, h, unbiased, precision)
            for points, h in ((x[problem], h_x), (y[problem], h_y))
        ]
        one = _criterion(sides[0], sides[1], unbiased)
        value[problem], grad_x[problem], grad_y[problem] = one
    return value, grad_x, grad_y


class _Centring(NamedTuple):
    """Rank-two factors of alpha (l_i + l_j) - beta, and what rounding did to them."""

    left: Tensor  # (n, 2)
    right: Tensor  # (2, n)
    sums: Tensor  # (n,) float64: l
    rounding: Tensor  # (n,) float64: rounded less exact 2 alpha l_i - beta

    def part(self, rows: slice, columns: slice) -> tuple[Tensor, Tensor]:
        """Return the factors of a tile."""
        return self.left[rows], self.right[:, columns]


class _Side:
    """One variable: what all its tiles are computed from."""

    def __init__(self, points: Tensor, bandwidth: float, unbiased: bool, precision: str) -> None:
        scaled = scale_points(points, bandwidth)
        self.squares = square_dtype(scaled, points.dtype, precision)
        self.factors = Factors(scaled, self.squares)
        self.diagonal = 0.0 if unbiased else 1.0
        self.columns = torch.cat([torch.ones_like(points[:, :1]), points], 1).T.contiguous()
        self._bandwidth = bandwidth

    def __len__(self) -> int:
        return self.columns.shape[1]

    def centring(self, unbiased: bool) -> _Centring:
        """Sum the rows of the kernel."""
        n = len(self)

        def work(first: int, stride: int) -> tuple[Tensor]:
            tiles, sums = _Tiles(self), torch.zeros_like(self.columns[0])
            for rows, columns, diagonal in upper_tiles(n, first, stride):
                kernel = tiles.kernel(rows, columns, diagonal)
                sums[rows] += kernel.sum(1)
                if not diagonal:
                    sums[columns] += kernel.sum(0)
            return (sums.to(torch.float64),)

        (wide,) = sum_in_threads(shares(self.columns, n), work)
        total = float(wide.sum())
        if unbiased:
            alpha, beta = 1 / (n - 2), total / ((n - 1) * (n - 2))
        else:
            alpha, beta = 1 / n, total / n**2
        shifted, scaled = (alpha * wide - beta).to(self.columns), (alpha * wide).to(self.columns)
        ones = torch.ones_like(scaled)
        rounding = shifted.to(wide) + scaled.to(wide) - (2 * alpha * wide - beta)
        left, right = torch.stack([shifted, ones], 1), torch.stack([ones, scaled])
        return _Centring(left, right.contiguous(), wide, rounding)

    def gradient(self, total: Tensor, factor: float) -> Tensor:
        """Return the gradient (n, columns) from the sums of weights times [1, points]."""
        pull = self.columns[1:] * total[:1] - total[1:]
        return (pull * (-2 * factor / self._bandwidth**2)).T


class _Tiles:
    """The tiles of one variable that one thread computes, in memory of its own, and their sums."""

    def __init__(self, side: _Side) -> None:
        columns = side.columns
        self._side = side
        self._buffer = TileBuffer(columns.dtype, side.squares, columns.device)
        self._spare = columns.new_empty(TILE * TILE)
        self.total = torch.zeros_like(columns)
        self.own = 0.0

    def kernel(self, rows: slice, columns: slice, diagonal: bool) -> Tensor:
        """Return the kernel of a tile; overwritten by the next."""
        factors = self._side.factors
        kernel = self._buffer.exponents(factors.left[rows], factors.right[:, columns]).exp2_()
        return kernel.fill_diagonal_(self._side.diagonal) if diagonal else kernel

    def weights(self, other: Tensor, left: Tensor, right: Tensor, own: Tensor) -> Tensor:
        """Return own kernel times the centred kernel of the other variable."""
        centred = self._spare[: own.numel()].view(own.shape)
        torch.addmm(other, left, right, alpha=-1, out=centred)
        return centred.mul_(own)

    def add(self, rows: slice, columns: slice, weights: Tensor, diagonal: bool) -> None:
        """Add a tile of weights to the sums of weights times [1, points].

        A point does not pull itself: its weight, the largest, would only leave rounding in the
        gradient. It is summed apart, for the value.
        """
        points = self._side.columns
        if diagonal:
            self.own += float(weights.diagonal().sum(dtype=torch.float64))
            weights.fill_diagonal_(0.0)
        else:
            self.total[:, columns].addmm_(points[:, rows], weights)
        self.total[:, rows].addmm_(points[:, columns], weights.T)


def _criterion(x: _Side, y: _Side, unbiased: bool) -> tuple[float, Tensor, Tensor]:
    n = len(x)
    factor = 1 / (n * (n - 3)) if unbiased else 1 / n**2
    centring_x, centring_y = x.centring(unbiased), y.centring(unbiased)

    def work(first: int, stride: int) -> tuple[Tensor, Tensor, float]:
        tiles_x, tiles_y = _Tiles(x), _Tiles(y)
        for rows, columns, diagonal in upper_tiles(n, first, stride):
            K = tiles_x.kernel(rows, columns, diagonal)
            L = tiles_y.kernel(rows, columns, diagonal)
            part_x, part_y = centring_x.part(rows, columns), centring_y.part(rows, columns)
            tiles_x.add(rows, columns, tiles_x.weights(L, *part_y, K), diagonal)
            tiles_y.add(rows, columns, tiles_y.weights(K, *part_x, L), diagonal)
        return tiles_x.total, tiles_y.total, tiles_x.own

    total_x, total_y, own = sum_in_threads(shares(x.columns, n), work)
    # Rounding of beta is the same in every pair and does not average out; take it back.
    shift = float(centring_x.sums @ centring_y.rounding)
    value = (float(total_x[0].sum(dtype=torch.float64)) + own + shift) * factor
    return value, x.gradient(total_x, factor), y.gradient(total_y, factor)
