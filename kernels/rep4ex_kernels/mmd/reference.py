"""MMD^2 as written, dense, float64 (Gretton et al. 2012, JMLR 13, equations 3 and 5)."""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_kernels.energy.reference import distances


def kernel_matrix(x: Tensor, y: Tensor, kernel: str, bandwidths: Tensor) -> Tensor:
    """Return the mean over bandwidths (..., q) of the kernel of x (..., n, d), y (..., m, d).

    gaussian exp(-r^2 / (2 h^2)), laplace exp(-r / h), imq (1 + r^2 / h^2)^(-1/2).
    """
    h = bandwidths.to(x.dtype)[..., :, None, None]
    if kernel == "laplace":
        values = torch.exp(-distances(x, y)[..., None, :, :] / h)
    else:
        squares = (x[..., :, None, :] - y[..., None, :, :]).square().sum(-1)[..., None, :, :]
        ratio = squares / h.square()
        values = torch.exp(-ratio / 2) if kernel == "gaussian" else (1 + ratio).rsqrt()
    return values.mean(-3)


def mmd2(x: Tensor, y: Tensor, kernel: str, bandwidths: Tensor, unbiased: bool) -> Tensor:
    """Return MMD^2 (...) in float64 for x (..., n, d), y (..., m, d), bandwidths (..., q)."""
    x, y = x.to(torch.float64), y.to(torch.float64)
    cross = kernel_matrix(x, y, kernel, bandwidths).mean((-1, -2))
    inside = x.new_zeros(cross.shape)
    for points in (x, y):
        K = kernel_matrix(points, points, kernel, bandwidths)
        n = K.shape[-1]
        diagonal = K.diagonal(dim1=-2, dim2=-1).sum(-1) if unbiased else 0.0
        inside = inside + (K.sum((-1, -2)) - diagonal) / (n * (n - 1) if unbiased else n * n)
    return inside - 2 * cross
