"""`mlp`: a leaky-ReLU network beside a linear map to the code, and one back."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.methods.training.autoencoders.base import Autoencoder
from rep4ex_bench.methods.training.layers import Weights, draw_mlp, run_mlp
from rep4ex_bench.methods.training.side import Side

# Share of its usual weight with which the network enters the encoder beside the linear code.
BEND = 0.1
LAYERS = 3


class MLPAutoencoder(Autoencoder):
    """phi(x) = L x + network(x), decoder network m - hidden - hidden - d backwards.

    L starts from the given linear code and the network with a tenth of its usual weight, so the
    code starts near the linear one and is bent as far as the loss asks for.
    """

    name: ClassVar[str] = "mlp"

    def draw(self, directions: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial weights of one replica."""
        h, d = self.hidden, self.latent_dim
        return {
            "linear": directions.T.contiguous(),
            **draw_mlp("encoder", [self.m, h, h, d], generator, last_scale=BEND),
            **draw_mlp("decoder", [d, h, h, self.m], generator),
        }

    def encode(self, weights: Weights, rows: Tensor, side: Side | None = None) -> Tensor:
        """Return the code (B, d, b) of rows (B, m, b)."""
        linear = torch.bmm(weights["linear"], rows)
        return linear + run_mlp("encoder", LAYERS, weights, rows)

    def decode(self, weights: Weights, code: Tensor, side: Side | None = None) -> Tensor:
        """Return rows (B, m, b) of a code (B, d, b)."""
        return run_mlp("decoder", LAYERS, weights, code)
