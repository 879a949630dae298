"""Contract of an autoencoder whose replicas train together.

An autoencoder holds no weights: it draws those of one replica, and computes with those of B
replicas (B, ...). Features are standardised, observations lie along the last axis. No operation may
mix replicas.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.methods.training.layers import Weights


class Autoencoder(ABC):
    """Maps features (B, m, b) to a code (B, d, b) and back.

    Class attributes:
        name: registered name.
        noisy: whether `objective` needs noise of the shape of the code.
    """

    name: ClassVar[str]
    noisy: ClassVar[bool] = False

    def __init__(self, m: int, latent_dim: int, hidden: int) -> None:
        """Take the widths of features, code and hidden layers.

        Raises:
            DataError: features of a width that this autoencoder cannot take.
        """
        self.m, self.latent_dim, self.hidden = m, latent_dim, hidden

    @abstractmethod
    def draw(self, directions: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial weights of one replica.

        Args:
            directions: linear code to start from, (m, d).
            generator: CPU generator of all that is random.
        """

    @abstractmethod
    def encode(self, weights: Weights, rows: Tensor) -> Tensor:
        """Return the code (B, d, b) of rows (B, m, b)."""

    @abstractmethod
    def decode(self, weights: Weights, code: Tensor) -> Tensor:
        """Return rows (B, m, b) of a code (B, d, b)."""

    def objective(
        self, weights: Weights, rows: Tensor, noise: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the losses (B,) without any penalty, and the code (B, d, b) to be penalised.

        Args:
            weights: of B replicas.
            rows: standardised features, (B, m, b).
            noise: standard normal (B, d, b) where the autoencoder is `noisy`, else None.
        """
        code = self.encode(weights, rows)
        return mean_square(self.decode(weights, code) - rows), code


def mean_square(errors: Tensor) -> Tensor:
    """Return the mean square (B,) of errors (B, m, b)."""
    return errors.square().mean(dim=(1, 2))
