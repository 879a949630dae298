"""What no method can compute: how much of the true latents no affine map of the code explains.

    loss = 1 - |P Z|^2 / |Z|^2        P projects on [1, phi], Z whitened, on the batch

It is 0 exactly where phi identifies Z up to an affine map: the goal that linear invariance stands
in for. For oracles only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_bench.methods.training.penalty import Penalty
from rep4ex_bench.numerics import Whitening

# Keeps the projection defined while the code is still nearly degenerate.
_JITTER = 1e-4


class LatentLoss(Penalty):
    """The loss for mini-batches; its source are the true latents (n, d)."""

    def table(self, source: Tensor) -> Tensor:
        """Return the whitened latents, (n, d); a latent that does not vary is a zero column."""
        wide = source.to(torch.float64).numpy()
        white = torch.from_numpy(Whitening.fit(wide).apply(wide)).to(source.dtype)
        table = torch.zeros_like(source)
        table[:, : white.shape[1]] = white
        return table

    def __call__(self, code: Tensor, rows: Tensor) -> Tensor:
        """Return the losses (B,) of code (B, d, b)."""
        count = code.shape[2]
        centred = code - code.mean(dim=2, keepdim=True)
        covariance = torch.bmm(centred, centred.mT) / count
        scale = covariance.diagonal(dim1=1, dim2=2).mean(dim=1).detach()
        identity = torch.eye(code.shape[1], dtype=code.dtype, device=code.device)
        ridge = _JITTER * scale[:, None, None] * identity
        factor = torch.linalg.cholesky_ex(covariance + ridge).L
        white = torch.linalg.solve_triangular(factor, centred, upper=False)
        latents = rows - rows.mean(dim=1, keepdim=True)
        explained = (torch.bmm(white, latents) / count).square().sum(dim=(1, 2))
        loss: Tensor = 1 - explained / latents.square().sum(dim=(1, 2)).div(count)
        return loss
