"""The formulas as a user writes them in torch: whole n x n matrices, gradients by autograd.

The regression on the actions is written for the device that it runs on. On a CPU it is
`torch.linalg.lstsq`. On CUDA that function has the driver "gels" only, which takes the design to
have full rank, and its gradient goes through a singular value decomposition that nobody needs who
differentiates in the right-hand side alone; there it is QR.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Residual = Callable[[Tensor, Tensor], Tensor]


def least_squares(device: str) -> Residual:
    """Return phi (..., n, d), a (..., n, k) -> phi - [1, a] coefficients for a device."""
    return residual_by_qr if device == "cuda" else residual_by_lstsq


def residual_by_lstsq(phi: Tensor, a: Tensor) -> Tensor:
    """phi - [1, a] coefficients (..., n, d), by the default driver of the device."""
    design = with_ones(a).expand(*phi.shape[:-1], -1)
    residual: Tensor = phi - design @ torch.linalg.lstsq(design, phi).solution
    return residual


def residual_by_qr(phi: Tensor, a: Tensor) -> Tensor:
    """phi - Q Q' phi (..., n, d) with Q from the QR decomposition of [1, a]."""
    Q = torch.linalg.qr(with_ones(a)).Q
    residual: Tensor = phi - Q @ (Q.mT @ phi)
    return residual


def with_ones(a: Tensor) -> Tensor:
    """[1, a] (..., n, k + 1)."""
    return torch.cat([torch.ones_like(a[..., :1]), a], -1)


def gaussian(x: Tensor, y: Tensor, h: float) -> Tensor:
    """Kernel matrix (..., n, m)."""
    return torch.exp(_squares(x, y) / (-2 * h * h))


def penalty(phi: Tensor, a: Tensor, h: float, residual: Residual) -> Tensor:
    """MMR penalty (...)."""
    r = residual(phi, a)
    return (gaussian(a, a, h) * (r @ r.mT)).mean((-2, -1))


def mmd(x: Tensor, y: Tensor, bandwidths: tuple[float, ...]) -> Tensor:
    """MMD^2 (...) of the mean of Gaussian kernels."""

    def mean(p: Tensor, q: Tensor) -> Tensor:
        squares = _squares(p, q)
        kernels = [torch.exp(squares / (-2 * h * h)) for h in bandwidths]
        return torch.stack([K.mean((-2, -1)) for K in kernels]).mean(0)

    return mean(x, x) + mean(y, y) - 2 * mean(x, y)


def energy(x: Tensor, y: Tensor) -> Tensor:
    """Energy distance (...)."""
    between, inside_x, inside_y = torch.cdist(x, y), torch.cdist(x, x), torch.cdist(y, y)
    return 2 * between.mean((-2, -1)) - inside_x.mean((-2, -1)) - inside_y.mean((-2, -1))


def hsic(x: Tensor, y: Tensor, h_x: float, h_y: float) -> Tensor:
    """Biased HSIC (...)."""
    K, L = gaussian(x, x, h_x), gaussian(y, y, h_y)
    centred = K - K.mean(-2, True) - K.mean(-1, True) + K.mean((-2, -1), True)
    return (centred * L).mean((-2, -1))


def _squares(x: Tensor, y: Tensor) -> Tensor:
    norms = x.square().sum(-1)[..., :, None] + y.square().sum(-1)[..., None, :]
    return (norms - 2 * x @ y.mT).clamp_min(0)
