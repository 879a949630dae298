"""A trained autoencoder: one replica, taken out of its stack."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray
from rep4ex_bench.methods.training.autoencoders import Autoencoder
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.numerics import to_float64


@dataclass(frozen=True)
class TrainedAutoencoder:
    """An encoder and decoder of standardised features.

    Attributes:
        autoencoder: the architecture.
        weights: a stack of one.
        standardise: of raw features.
        held_out: training rows (h,) that no step saw; empty where there were too few rows.
        steps: optimisation steps until the weights that were kept.
    """

    autoencoder: Autoencoder
    weights: dict[str, Tensor]
    standardise: Standardise
    held_out: Tensor
    steps: int

    def encode(self, features: Tensor) -> FloatArray:
        """Return the code phi(X), (n, d), of raw features (n, m)."""
        with torch.no_grad():
            code = self.autoencoder.encode(self.weights, self._columns(features))
        return to_float64(code[0].T)

    def reconstruction_error(self, features: Tensor) -> float:
        """Return the mean square error over rows and standardised columns of features (n, m)."""
        rows = self._columns(features)
        with torch.no_grad():
            code = self.autoencoder.encode(self.weights, rows)
            errors = self.autoencoder.decode(self.weights, code) - rows
        return float(errors.square().mean())

    def _columns(self, features: Tensor) -> Tensor:
        device = next(iter(self.weights.values())).device
        standardised: Tensor = self.standardise(features)
        return standardised.T.contiguous()[None].to(device)
