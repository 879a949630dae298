"""Parts of the float64 references: the regression on actions, and tiles of squared distances.

Tiles of rows, so that n is not bound by an n x n matrix. The formulas are those of
`rep4ex_kernels.<op>.reference`; gradients are written out by hand. Nothing of the measured
implementations is used.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

_TILE = 1 << 21  # elements of a float64 tile


def basis(actions: Tensor) -> Tensor:
    """Orthonormal basis of [1, A], (n, k + 1)."""
    design = torch.cat([torch.ones_like(actions[:, :1]), actions - actions.mean(0)], 1)
    Q: Tensor = torch.linalg.qr(design).Q
    return Q


def tiles(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Tiles of rows of |x_i - y_j|^2; a point is at distance zero from itself, exactly."""
    norms_x, norms_y = x.square().sum(1), y.square().sum(1)
    step = max(1, _TILE // len(y))
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        squares = torch.addmm(norms_y, x[rows], y.T, alpha=-2).add_(norms_x[rows, None])
        squares.clamp_min_(0)
        if x is y:
            squares[:, rows].fill_diagonal_(0)
        yield rows, squares
