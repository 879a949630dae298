"""Tiles of pairwise Gaussian kernels in plain torch operations, any device and dtype.

A tile holds -|x_i - y_j|^2 in units in which the kernel is exp2 of it. The square comes from one
matrix product of augmented factors, (2x, -|x|^2, -1) with (y, 1, |y|^2), so nothing is broadcast;
the product cancels, with an error of eps max|x|^2, so where the points spread far beyond the
bandwidth it is done in float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

# Rows of a tile. 512 x 512 float32 is 1 MB; wider tiles meet a cliff in the matrix library where
# the inner dimension is below 10.
TILE = 512
# Largest scaled |x|^2 for which the float32 product is accurate to a few 1e-6 of the kernel.
SPREAD_LIMIT = {"precise": 32.0, "fast": 1024.0}
# exp2 of less is denormal, which is slow and contributes nothing.
_SMALLEST = {torch.float32: -126.0, torch.float64: -1022.0}


def scale_points(points: Tensor, bandwidth: float) -> Tensor:
    """Return centred points (n, k), float64, scaled so that K = exp2(-|x - y|^2)."""
    return points.to(torch.float64) * (math.sqrt(math.log2(math.e) / 2) / bandwidth)


class Factors:
    """Augmented factors of a set of scaled points: left (n, k + 2) and right (k + 2, n)."""

    def __init__(self, scaled: Tensor, dtype: torch.dtype) -> None:
        norms = scaled.square().sum(1, keepdim=True)
        ones = torch.ones_like(norms)
        self.left = torch.cat([2 * scaled, -norms, -ones], 1).to(dtype)
        self.right = torch.cat([scaled, ones, norms], 1).T.contiguous().to(dtype)

    def __len__(self) -> int:
        return len(self.left)


def square_dtype(scaled: Tensor, dtype: torch.dtype, precision: str) -> torch.dtype:
    """Return the dtype in which the squares of these points are to be expanded."""
    if dtype == torch.float64 or scaled.numel() == 0:
        return dtype
    spread = float(scaled.square().sum(1).max())
    return torch.float32 if spread <= SPREAD_LIMIT[precision] else torch.float64


class TileBuffer:
    """One block of memory that every tile of a pass is computed in."""

    def __init__(self, dtype: torch.dtype, squares: torch.dtype, device: torch.device) -> None:
        self._tile = torch.empty(TILE * TILE, dtype=dtype, device=device)
        wide = squares != dtype
        self._squares = torch.empty(TILE * TILE, dtype=squares, device=device) if wide else None

    def exponents(self, left: Tensor, right: Tensor) -> Tensor:
        """Return -|x_i - y_j|^2 (rows, columns), at least the smallest exponent."""
        rows, columns = len(left), right.shape[1]
        tile = self._tile[: rows * columns].view(rows, columns)
        if self._squares is None:
            torch.mm(left, right, out=tile)
        else:
            squares = self._squares[: rows * columns].view(rows, columns)
            tile.copy_(torch.mm(left, right, out=squares))
        return tile.clamp_(min=_SMALLEST[tile.dtype])


def shares(points: Tensor, n: int) -> int:
    """Return into how many parts threads may divide n rows: one on a GPU, which has its own."""
    return -(-n // TILE) if points.device.type == "cpu" else 1


def slices(n: int, first: int = 0, stride: int = 1) -> Iterator[slice]:
    """Yield the rows of every tile, of the tiles first, first + stride, ... along n rows."""
    for start in range(first * TILE, n, stride * TILE):
        yield slice(start, min(start + TILE, n))


def upper_tiles(n: int, first: int = 0, stride: int = 1) -> Iterator[tuple[slice, slice, bool]]:
    """Yield (rows, columns, whether on the diagonal) of the tiles on and above the diagonal.

    Of the blocks of rows, only first, first + stride, ...
    """
    for rows in slices(n, first, stride):
        for columns in slices(n, rows.start // TILE):
            yield rows, columns, columns.start == rows.start
