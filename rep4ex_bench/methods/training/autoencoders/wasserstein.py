"""`wasserstein`: the code's distribution is pulled towards a standard normal one by MMD.

    loss = |decode(code) - x|^2 / m + weight mmd2(code, eps),   eps ~ N(0, I)

with the inverse multiquadric kernel and the unbiased statistic (Tolstikhin et al.,
arXiv 1711.01558).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.methods.training.autoencoders.mlp import MLPAutoencoder
from rep4ex_bench.methods.training.layers import Weights
from rep4ex_bench.methods.training.side import Side
from rep4ex_kernels import mmd2

_MMD_WEIGHT = 1.0


class WassersteinAutoencoder(MLPAutoencoder):
    """`mlp` with a penalty on the distribution of the code."""

    name: ClassVar[str] = "wasserstein"
    noisy: ClassVar[bool] = True

    def objective(
        self, weights: Weights, rows: Tensor, noise: Tensor | None, side: Side | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return reconstruction plus weighted MMD, (B,), and the code."""
        losses, code = super().objective(weights, rows, noise, side)
        if noise is None:
            return losses, code
        # sqrt(2 d) is the typical distance of two standard normal points
        width = (2 * self.latent_dim) ** 0.5
        # one replica at a time: a code that has diverged must not stop its neighbours
        distances = [
            mmd2(own.nan_to_num(0, 0, 0).T, prior.T, "imq", width, "u")
            for own, prior in zip(code, noise, strict=True)
        ]
        return losses + _MMD_WEIGHT * torch.stack(distances), code
