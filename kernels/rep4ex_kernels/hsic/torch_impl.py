"""HSIC in tiles, two passes: row sums of both kernels, then value and gradients.

    dV/dK_ij = c (L_ij - alpha (l_i + l_j) + beta),   V = sum_ij K_ij dV/dK_ij,   l = L 1

biased: alpha = 1 / n, beta = 1'l / n^2, c = 1 / n^2; unbiased, with zero diagonals: 1 / (n - 2),
1'l / ((n - 1)(n - 2)), 1 / (n (n - 3)). The same with K and L exchanged.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels._tiles import (
    TILE,
    Factors,
    TileBuffer,
    scale_points,
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
    """One variable: its kernel tile by tile, its row sums, its gradient."""

    def __init__(self, points: Tensor, bandwidth: float, unbiased: bool, precision: str) -> None:
        scaled = scale_points(points, bandwidth)
        squares = square_dtype(scaled, points.dtype, precision)
        self._factors = Factors(scaled, squares)
        self._buffer = TileBuffer(points.dtype, squares, points.device)
        self._diagonal = 0.0 if unbiased else 1.0
        self._bandwidth = bandwidth
        self.columns = torch.cat([torch.ones_like(points[:, :1]), points], 1).T.contiguous()
        self.total = torch.zeros_like(self.columns)
        self.own = 0.0
        self._spare = torch.empty(TILE * TILE, dtype=points.dtype, device=points.device)

    def __len__(self) -> int:
        return self.columns.shape[1]

    def tile(self, rows: slice, columns: slice, diagonal: bool) -> Tensor:
        """Return the kernel of a tile; overwritten by the next."""
        left, right = self._factors.left[rows], self._factors.right[:, columns]
        kernel = self._buffer.exponents(left, right).exp2_()
        return kernel.fill_diagonal_(self._diagonal) if diagonal else kernel

    def centring(self, unbiased: bool) -> _Centring:
        """Sum the rows of the kernel."""
        n = len(self)
        sums = torch.zeros_like(self.columns[0])
        for rows, columns, diagonal in upper_tiles(n):
            kernel = self.tile(rows, columns, diagonal)
            sums[rows] += kernel.sum(1)
            if not diagonal:
                sums[columns] += kernel.sum(0)
        wide = sums.to(torch.float64)
        total = float(wide.sum())
        if unbiased:
            alpha, beta = 1 / (n - 2), total / ((n - 1) * (n - 2))
        else:
            alpha, beta = 1 / n, total / n**2
        ones = torch.ones_like(sums)
        shifted, scaled = (alpha * wide - beta).to(sums), (alpha * wide).to(sums)
        rounding = shifted.to(wide) + scaled.to(wide) - (2 * alpha * wide - beta)
        left, right = torch.stack([shifted, ones], 1), torch.stack([ones, scaled])
        return _Centring(left, right.contiguous(), wide, rounding)

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
        if diagonal:
            self.own += float(weights.diagonal().sum(dtype=torch.float64))
            weights.fill_diagonal_(0.0)
        else:
            self.total[:, columns].addmm_(self.columns[:, rows], weights)
        self.total[:, rows].addmm_(self.columns[:, columns], weights.T)

    def gradient(self, factor: float) -> Tensor:
        """Return the gradient (n, columns)."""
        pull = self.columns[1:] * self.total[:1] - self.total[1:]
        return (pull * (-2 * factor / self._bandwidth**2)).T


def _criterion(x: _Side, y: _Side, unbiased: bool) -> tuple[float, Tensor, Tensor]:
    n = len(x)
    factor = 1 / (n * (n - 3)) if unbiased else 1 / n**2
    centring_x, centring_y = x.centring(unbiased), y.centring(unbiased)
    for rows, columns, diagonal in upper_tiles(n):
        K, L = x.tile(rows, columns, diagonal), y.tile(rows, columns, diagonal)
        part_x, part_y = centring_x.part(rows, columns), centring_y.part(rows, columns)
        x.add(rows, columns, x.weights(L, *part_y, K), diagonal)
        y.add(rows, columns, y.weights(K, *part_x, L), diagonal)
    # Rounding of beta is the same in every pair and does not average out; take it back.
    shift = float(centring_x.sums @ centring_y.rounding)
    value = (float(x.total[0].sum(dtype=torch.float64)) + x.own + shift) * factor
    return value, x.gradient(factor), y.gradient(factor)
