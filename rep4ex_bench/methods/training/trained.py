"""A trained autoencoder: one replica, taken out of its stack."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError
from rep4ex_bench.methods.training.autoencoders import Autoencoder
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.methods.training.side import Side
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.saving.savable import Savable


@dataclass(frozen=True)
class TrainedAutoencoder(Savable):
    """An encoder and decoder of standardised features.

    Attributes:
        autoencoder: the architecture.
        weights: a stack of one.
        standardise: of raw features.
        held_out: training rows (h,) that no step saw; empty where there were too few rows.
        steps: optimisation steps until the weights that were kept.
        actions: standardises actions, where the autoencoder is conditional.
    """

    autoencoder: Autoencoder
    weights: dict[str, Tensor]
    standardise: Standardise
    held_out: Tensor
    steps: int
    actions: Standardise | None = None

    def encode(self, features: Tensor, actions: Tensor | None = None) -> FloatArray:
        """Return the code phi(X), (n, d), of raw features (n, m).

        Args:
            features: X, (n, m).
            actions: A, (n, k); needed and looked at where the autoencoder is conditional.

        Raises:
            DataError: it is conditional, and no actions are given.
        """
        with torch.no_grad():
            rows, side = self._columns(features), self._side(actions)
            code = self.autoencoder.encode(self.weights, rows, side)
        return to_float64(code[0].T)

    def reconstruction_error(self, features: Tensor, actions: Tensor | None = None) -> float:
        """Return the mean square error over rows and standardised columns of features (n, m)."""
        rows, side = self._columns(features), self._side(actions)
        with torch.no_grad():
            code = self.autoencoder.encode(self.weights, rows, side)
            errors = self.autoencoder.decode(self.weights, code, side) - rows
        return float(errors.square().mean())

    def decode(self, code: Tensor) -> FloatArray | None:
        """Return raw features (n, m) of codes (n, d); None where actions would be needed."""
        if self.autoencoder.conditional:
            return None
        columns = code.to(torch.float32).T.contiguous()[None].to(self._device)
        with torch.no_grad():
            rows = self.autoencoder.decode(self.weights, columns)[0].T.cpu()
        return to_float64(self.standardise.back(rows))

    @property
    def _device(self) -> torch.device:
        return next(iter(self.weights.values())).device

    def _columns(self, features: Tensor) -> Tensor:
        standardised: Tensor = self.standardise(features)
        return standardised.T.contiguous()[None].to(self._device)

    def _side(self, actions: Tensor | None) -> Side | None:
        if self.actions is None:
            return None
        if actions is None:
            raise DataError("a conditional autoencoder encodes features with actions, got none")
        standardised: Tensor = self.actions(actions)
        return Side(standardised.T.contiguous()[None].to(self._device), None)
