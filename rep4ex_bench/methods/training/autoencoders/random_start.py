"""`random_start`: a leaky-ReLU network to the code and one back, from random weights.

Source: Rep4Ex (arXiv 2310.04295), which starts from no linear code.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.methods.training.autoencoders.base import Autoencoder
from rep4ex_bench.methods.training.autoencoders.mlp import LAYERS
from rep4ex_bench.methods.training.layers import Weights, draw_mlp, run_mlp
from rep4ex_bench.methods.training.side import Side


class RandomStartAutoencoder(Autoencoder):
    """phi(x) = network(x), m - hidden - hidden - d, and its mirror image as decoder."""

    name: ClassVar[str] = "random_start"

    def draw(self, directions: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial weights of one replica; the linear code is not looked at."""
        h, d = self.hidden, self.latent_dim
        return {
            **draw_mlp("encoder", [self.m, h, h, d], generator),
            **draw_mlp("decoder", [d, h, h, self.m], generator),
        }

    def encode(self, weights: Weights, rows: Tensor, side: Side | None = None) -> Tensor:
        """Return the code (B, d, b) of rows (B, m, b)."""
        return run_mlp("encoder", LAYERS, weights, rows)

    def decode(self, weights: Weights, code: Tensor, side: Side | None = None) -> Tensor:
        """Return rows (B, m, b) of a code (B, d, b)."""
        return run_mlp("decoder", LAYERS, weights, code)
