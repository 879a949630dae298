"""Contract of an autoencoder whose replicas train together.

An autoencoder holds no weights: it draws those of one replica, and computes with those of B
replicas (B, ...). Features are standardised, observations lie along the last axis. No operation may
mix replicas.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from rep4ex_bench.methods.training.layers import Weights
from rep4ex_bench.methods.training.side import Side
from rep4ex_bench.saving.savable import Savable


class Autoencoder(Savable, ABC):
    """Maps features (B, m, b) to a code (B, d, b) and back.

    Class attributes:
        name: registered name.
        noisy: whether `objective` needs noise of the shape of the code.
        conditional: whether it is shown the rows' actions and environment (`side`, None elsewhere).
    """

    name: ClassVar[str]
    noisy: ClassVar[bool] = False
    conditional: ClassVar[bool] = False

    def __init__(
        self, m: int, latent_dim: int, hidden: int, k: int = 0, environments: int = 0
    ) -> None:
        """Take the widths of features, code and hidden layers, and what `side` will hold.

        Args:
            m: width of the features.
            latent_dim: width of the code.
            hidden: width of the hidden layers.
            k: width of the actions.
            environments: they are numbered below this; 0 where the data have none.

        Raises:
            DataError: features of a width that this autoencoder cannot take.
        """
        self.m, self.latent_dim, self.hidden = m, latent_dim, hidden
        self.k, self.environments = k, environments

    def state(self) -> dict[str, Any]:
        """Return the arguments of the constructor; there are no weights here."""
        names = ("m", "latent_dim", "hidden", "k", "environments")
        return {name: getattr(self, name) for name in names}

    @abstractmethod
    def draw(self, directions: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial weights of one replica.

        Args:
            directions: linear code to start from, (m, d).
            generator: CPU generator of all that is random.
        """

    @abstractmethod
    def encode(self, weights: Weights, rows: Tensor, side: Side | None = None) -> Tensor:
        """Return the code (B, d, b) of rows (B, m, b)."""

    @abstractmethod
    def decode(self, weights: Weights, code: Tensor, side: Side | None = None) -> Tensor:
        """Return rows (B, m, b) of a code (B, d, b)."""

    def objective(
        self, weights: Weights, rows: Tensor, noise: Tensor | None, side: Side | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the losses (B,) without any penalty, and the code (B, d, b) to be penalised.

        Args:
            weights: of B replicas.
            rows: standardised features, (B, m, b).
            noise: standard normal (B, d, b) where the autoencoder is `noisy`, else None.
            side: of the rows where it is `conditional`, else None.
        """
        code = self.encode(weights, rows, side)
        return mean_square(self.decode(weights, code, side) - rows), code


def mean_square(errors: Tensor) -> Tensor:
    """Return the mean square (B,) of errors (B, m, b)."""
    return errors.square().mean(dim=(1, 2))
