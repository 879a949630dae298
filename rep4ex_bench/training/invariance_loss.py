"""Linear invariance as a training loss that has no scale: the whitened unbiased MMR statistic.

    r = phi - W a - c on the batch,  w_i = S^-1/2 r_i with S = r' r / b
    loss = 1 / (b (b - 1)) sum_{i != j} <f_i, f_j> <w_i, w_j>,   |f_i| = 1

f are action features of the Gaussian kernel, residualised on [1, A] (Rep4Ex, arXiv 2310.04295,
Section 4, gives the plain statistic). Whitening keeps the penalty from shrinking the code instead
of straightening it; unit features make one weight mean the same for every action dimension.
Leaving out i = j removes what independent noise contributes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_bench.training.networks import Standardise
from rep4ex_kernels import InvariancePenalty

# Keeps the whitening defined while the code is still nearly degenerate.
_JITTER = 1e-4


class InvarianceLoss:
    """The statistic for mini-batches of one set of training actions (n, k)."""

    def __init__(self, actions: Tensor) -> None:
        self._features: Tensor = InvariancePenalty.fit(actions).features.to(actions.dtype)
        standardised = Standardise(actions).to(actions.device)(actions)
        self._design = torch.cat([torch.ones_like(actions[:, :1]), standardised], dim=1)

    def __call__(self, code: Tensor, index: Tensor) -> Tensor:
        """Return the loss of code (b, d) at the training rows `index` (b,)."""
        rows = len(code)
        # one small QR, without gradient, serves both projections
        basis = torch.linalg.qr(self._design[index]).Q
        features = _residual(self._features[index], basis)
        features = features / features.norm(dim=1, keepdim=True).clamp_min(1e-6)
        white = _whiten(_residual(code, basis))
        joint = features.T @ white
        diagonal = white.square().sum()  # |f_i|^2 = 1
        statistic: Tensor = (joint.square().sum() - diagonal) / (rows * (rows - 1))
        return statistic


def _residual(values: Tensor, basis: Tensor) -> Tensor:
    """Return values (b, c) minus their projection on an orthonormal basis (b, k + 1)."""
    return values - basis @ (basis.T @ values)


def _whiten(residual: Tensor) -> Tensor:
    """Return residual rows with covariance I (up to the jitter)."""
    covariance = residual.T @ residual / len(residual)
    jitter = _JITTER * covariance.diagonal().mean().detach()
    identity = torch.eye(len(covariance), dtype=residual.dtype, device=residual.device)
    factor = torch.linalg.cholesky(covariance + jitter * identity)
    white: Tensor = torch.linalg.solve_triangular(factor, residual.T, upper=False)
    return white.T
