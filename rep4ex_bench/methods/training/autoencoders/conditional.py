"""`conditional`: a variational autoencoder whose encoder and decoder are shown the actions.

    loss = E |decode(z, a) - x|^2 / m + w KL(N(mean(x, a), deviation(x, a)^2) | N(0, I)) / m

Source: Sohn, Lee and Yan, "Learning structured output representation using deep conditional
generative models", NeurIPS 2015. The prior is the same for all actions, so the code need not hold
what the actions tell of X: nothing but its linear start, and a penalty of linear invariance, makes
it follow Z rather than V.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.errors import DataError
from rep4ex_bench.methods.training.autoencoders.mlp import BEND, LAYERS
from rep4ex_bench.methods.training.autoencoders.variational import VariationalAutoencoder
from rep4ex_bench.methods.training.layers import Weights, draw_mlp, run_mlp
from rep4ex_bench.methods.training.side import Side


class ConditionalAutoencoder(VariationalAutoencoder):
    """`variational` with the standardised actions beside features and code."""

    name: ClassVar[str] = "conditional"
    conditional: ClassVar[bool] = True

    def draw(self, directions: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial weights of one replica."""
        h, d = self.hidden, self.latent_dim
        shown = self.m + self.k
        return {
            "linear": directions.T.contiguous(),
            **draw_mlp("encoder", [shown, h, h, d], generator, last_scale=BEND),
            **draw_mlp("decoder", [d + self.k, h, h, self.m], generator),
            **draw_mlp("spread", [shown, h, d], generator, last_scale=BEND),
        }

    def encode(self, weights: Weights, rows: Tensor, side: Side | None = None) -> Tensor:
        """Return the posterior's mean (B, d, b) of rows (B, m, b) with their actions."""
        linear = torch.bmm(weights["linear"], rows)
        return linear + run_mlp("encoder", LAYERS, weights, _beside(rows, side))

    def decode(self, weights: Weights, code: Tensor, side: Side | None = None) -> Tensor:
        """Return rows (B, m, b) of a code (B, d, b) with the actions of its rows."""
        return run_mlp("decoder", LAYERS, weights, _beside(code, side))

    def log_variance(self, weights: Weights, rows: Tensor, side: Side | None) -> Tensor:
        """Return the posterior's log variance (B, d, b)."""
        return super().log_variance(weights, _beside(rows, side), None)


def _beside(values: Tensor, side: Side | None) -> Tensor:
    if side is None:
        raise DataError("a conditional autoencoder needs the actions of its rows, got none")
    return torch.cat([values, side.actions.to(values)], dim=1)
