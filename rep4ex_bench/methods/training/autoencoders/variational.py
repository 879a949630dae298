"""`variational`: a Gaussian posterior about the code, and a standard normal prior.

    loss = E |decode(mean + deviation eps) - x|^2 / m + w KL(N(mean, deviation^2) | N(0, I)) / m

With w = 2 s^2 this is the negative evidence bound for observation noise of standard deviation s
on standardised features, up to scale (Kingma and Welling, arXiv 1312.6114). The code is the mean.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.methods.training.autoencoders.base import mean_square
from rep4ex_bench.methods.training.autoencoders.mlp import BEND, LAYERS, MLPAutoencoder
from rep4ex_bench.methods.training.layers import Weights, draw_mlp, run_mlp
from rep4ex_bench.methods.training.side import Side

_OBSERVATION_NOISE = 0.1
_KL_WEIGHT = 2 * _OBSERVATION_NOISE**2
_FIRST_LOG_VARIANCE = -4.0


class VariationalAutoencoder(MLPAutoencoder):
    """`mlp` with a second encoder for the logarithm of the posterior's variance."""

    name: ClassVar[str] = "variational"
    noisy: ClassVar[bool] = True

    def draw(self, directions: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial weights of one replica."""
        widths = [self.m, self.hidden, self.latent_dim]
        return {
            **super().draw(directions, generator),
            **draw_mlp("spread", widths, generator, last_scale=BEND),
        }

    def objective(
        self, weights: Weights, rows: Tensor, noise: Tensor | None, side: Side | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the negative evidence bound (B,), scaled, and the posterior's mean."""
        mean = self.encode(weights, rows, side)
        log_variance = self.log_variance(weights, rows, side)
        drawn = mean if noise is None else mean + torch.exp(log_variance / 2) * noise
        errors = self.decode(weights, drawn, side) - rows
        divergence = (mean.square() + log_variance.exp() - log_variance - 1) / 2
        kl = divergence.sum(dim=1).mean(dim=1)
        return mean_square(errors) + _KL_WEIGHT / self.m * kl, mean

    def log_variance(self, weights: Weights, rows: Tensor, side: Side | None) -> Tensor:
        """Return the logarithm of the posterior's variance (B, d, b)."""
        return _FIRST_LOG_VARIANCE + run_mlp("spread", LAYERS - 1, weights, rows)
