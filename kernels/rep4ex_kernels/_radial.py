"""Sums over pairs of a radial kernel and their gradients, tile by tile.

    S = sum_ij k(|x_i - y_j|^2),   dS/dx_i = sum_j w_ij (x_i - y_j) = x_i (w 1)_i - (w y)_i

with w = 2 k'. MMD and the energy distance are three such sums, over (x, x), (y, y) and (x, y).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels._threads import sum_in_threads
from rep4ex_kernels._tiles import TILE, shares, slices, upper_tiles

# What turns a tile of squared distances, which it may overwrite, into its weights w (same memory or
# its own) and the row sums of k; the last argument says that the tile lies on the diagonal of a
# symmetric block, whose k(0) the row sums have to hold.
TileKernel = Callable[[Tensor, bool], tuple[Tensor, Tensor]]


class Side(NamedTuple):
    """One sample, ready for tiles."""

    columns: Tensor  # (1 + d, n): ones and the points, in the dtype of the weights
    right: Tensor  # (d + 2, n): points, ones and |x|^2, the factor of the squares on the right

    def left(self, rows: slice) -> Tensor:
        """Return their factor on the left for a tile: -2 x, |x|^2, ones."""
        right = self.right[:, rows]
        return torch.cat([right[:-2] * -2, right[-1:], right[-2:-1]]).T


class Sums(NamedTuple):
    """Sum over all pairs (float64) and its gradients (n, d), (m, d)."""

    value: float
    grad_x: Tensor
    grad_y: Tensor


def make_side(points: Tensor, squares: torch.dtype) -> Side:
    """Prepare centred points (n, d); squares are expanded in the dtype `squares`."""
    n, d = points.shape
    norms = torch.linalg.vector_norm(points, dim=1, dtype=torch.float64).square()
    right = points.new_ones(d + 2, n, dtype=squares)
    right[:d], right[d + 1] = points.T, norms
    columns = points.new_ones(1 + d, n)
    columns[1:] = points.T
    return Side(columns, right)


class PairSums:
    """Sums over pairs with the tile kernel that `make` makes, one a thread with its own memory."""

    def __init__(self, make: Callable[[], TileKernel], like: Tensor, squares: torch.dtype) -> None:
        self._make, self._like, self._squares = make, like, squares

    def symmetric(self, side: Side) -> Sums:
        """Sum over (x, x); the gradient counts both arguments."""

        def work(first: int, stride: int) -> tuple[float, Tensor]:
            return self._tiles().symmetric(side, first, stride)

        value, total = sum_in_threads(shares(side.right, side.right.shape[1]), work)
        gradient = 2 * _gradient(side, total)
        return Sums(value, gradient, gradient)

    def cross(self, x: Side, y: Side) -> Sums:
        """Sum over (x, y)."""

        def work(first: int, stride: int) -> tuple[float, Tensor, Tensor]:
            return self._tiles().cross(x, y, first, stride)

        value, total_x, total_y = sum_in_threads(shares(x.right, x.right.shape[1]), work)
        return Sums(value, _gradient(x, total_x), _gradient(y, total_y))

    def _tiles(self) -> _Tiles:
        return _Tiles(self._make(), self._like, self._squares)


class _Tiles:
    """Runs a tile kernel over blocks; holds the one buffer that all its tiles share."""

    def __init__(self, kernel: TileKernel, like: Tensor, squares: torch.dtype) -> None:
        self._kernel = kernel
        self._tile = like.new_empty(TILE * TILE)
        wide = squares != like.dtype
        self._squares = like.new_empty(TILE * TILE, dtype=squares) if wide else self._tile

    def _distances(self, left: Tensor, right: Tensor) -> Tensor:
        rows, columns = len(left), right.shape[1]
        squares = self._squares[: rows * columns].view(rows, columns)
        torch.mm(left, right, out=squares)
        if self._squares is self._tile:
            return squares
        return self._tile[: rows * columns].view(rows, columns).copy_(squares)

    def symmetric(self, side: Side, first: int, stride: int) -> tuple[float, Tensor]:
        """Return sum_ij k and sum_j w_ij [1, x_j] of blocks of rows and their mirror images."""
        total = torch.zeros_like(side.columns)
        value = 0.0
        for rows, columns, diagonal in upper_tiles(side.right.shape[1], first, stride):
            tile = self._distances(side.left(rows), side.right[:, columns])
            if diagonal:
                tile.fill_diagonal_(0.0)
            weights, sums = self._kernel(tile, diagonal)
            value += float(sums.sum(dtype=torch.float64)) * (1 if diagonal else 2)
            if diagonal:
                # A point does not pull itself: its weight, the largest, would only leave rounding.
                weights.fill_diagonal_(0.0)
            else:
                total[:, columns].addmm_(side.columns[:, rows], weights)
            total[:, rows].addmm_(side.columns[:, columns], weights.T)
        return value, total

    def cross(self, x: Side, y: Side, first: int, stride: int) -> tuple[float, Tensor, Tensor]:
        """Return sum_ij k, sum_j w_ij [1, y_j] and sum_i w_ij [1, x_i] of blocks of rows."""
        total_x, total_y = torch.zeros_like(x.columns), torch.zeros_like(y.columns)
        value = 0.0
        for rows in slices(x.right.shape[1], first, stride):
            left = x.left(rows)
            for columns in slices(y.right.shape[1]):
                tile = self._distances(left, y.right[:, columns])
                weights, sums = self._kernel(tile, False)
                value += float(sums.sum(dtype=torch.float64))
                total_x[:, rows].addmm_(y.columns[:, columns], weights.T)
                total_y[:, columns].addmm_(x.columns[:, rows], weights)
        return value, total_x, total_y


def _gradient(side: Side, total: Tensor) -> Tensor:
    """Return x_i (w 1)_i - (w y)_i as (n, d)."""
    return (side.columns[1:] * total[:1] - total[1:]).T


def combine(
    xx: Sums, yy: Sums, xy: Sums, sizes: tuple[int, int], unbiased: bool, diagonal: float
) -> tuple[float, Tensor, Tensor]:
    """Return mean(xx) + mean(yy) - 2 mean(xy) and its gradients; `diagonal` is k(0)."""
    n, m = sizes
    pairs_x, pairs_y = (n * (n - 1), m * (m - 1)) if unbiased else (n * n, m * m)
    off_x, off_y = (n * diagonal, m * diagonal) if unbiased else (0.0, 0.0)
    value = (xx.value - off_x) / pairs_x + (yy.value - off_y) / pairs_y - 2 * xy.value / (n * m)
    grad_x = xx.grad_x / pairs_x - xy.grad_x * (2 / (n * m))
    grad_y = yy.grad_x / pairs_y - xy.grad_y * (2 / (n * m))
    return value, grad_x, grad_y


# A pair as close as this part of the largest norm coincides: its squared distance, in float64, is
# rounding (1e-16 of the squared norm), and so is its direction.
_COINCIDENT = {torch.float32: 1e-7, torch.float64: 3e-8}
# In so few dimensions some pairs of a sample all but coincide; their weight 1 / r is so large that
# x_i (w 1)_i - (w y)_i loses it in float32.
CLOSE_PAIRS = 2
# Largest |x|^2, in units of a small squared distance between pairs, whose float32 expansion still
# gives that distance to a few 1e-6.
_ROOT_SPREAD = {"precise": 40.0, "fast": 4000.0}
_SAMPLE = 64


def root_square_dtype(pooled: Tensor, precision: str) -> torch.dtype:
    """Return the dtype for the squares of kernels of |x - y|, whose close pairs weigh much.

    pooled (N, d) centred. Looks at the 5 % closest of a fixed sample of pairs.
    """
    if pooled.dtype == torch.float64 or len(pooled) < 2:
        return torch.float64
    step = max(1, len(pooled) // _SAMPLE)
    sample = pooled[::step][:_SAMPLE]
    squares = torch.pdist(sample).square()
    near = float(squares.kthvalue(max(1, len(squares) // 20)).values)
    spread = float(pooled.square().sum(1).max())
    return torch.float32 if spread <= _ROOT_SPREAD[precision] * near else torch.float64


def coincidence_floor(pooled: Tensor) -> float:
    """Return the squared distance up to which a pair counts as coincident."""
    if not pooled.numel():
        return 0.0
    return float(pooled.square().sum(1).max()) * _COINCIDENT[pooled.dtype] ** 2
