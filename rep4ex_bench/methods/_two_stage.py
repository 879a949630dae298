"""What every method with a representation shares: encode, then fit a control function on the code.

Not a method itself: `rep4ex`, `autoencoder` and `pca` differ only in how phi is found.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData, as_float32, check_query_actions
from rep4ex_bench.errors import DataError
from rep4ex_bench.method import FittedMethod, Method, resolve_device
from rep4ex_bench.second_stage.choice import REGRESSORS, make_regressor
from rep4ex_bench.second_stage.control_function import ControlFunction, fit_control_function
from rep4ex_bench.seeding import derive_seed

Encoder = Callable[[Tensor], FloatArray]


class FittedTwoStage(FittedMethod):
    """A representation with a control function on it."""

    def __init__(
        self, encoder: Encoder, stage: ControlFunction, train: TrainingData, backend: str
    ) -> None:
        self._encoder = encoder
        self._stage = stage
        self._k, self._m = train.k, train.m
        self._backend = backend

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,)."""
        return self._stage.predict_do(check_query_actions(actions, self._k))

    def represent(self, features: Tensor) -> FloatArray:
        """Return the code phi(X), (n, d)."""
        rows = as_float32("features", features, 2)
        if rows.shape[1] != self._m:
            raise DataError(f"features must have {self._m} column(s), got {rows.shape[1]}")
        return self._encoder(rows)

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the backend that ran."""
        return {"backend": self._backend}


class TwoStageMethod(Method):
    """Base of methods that learn phi first; needs `latent_dim` and `second_stage` parameters."""

    latent_dim: int | None
    second_stage: str
    backend: str = "torch"

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        if self.latent_dim is not None:
            self.require_integer("latent_dim", 1)
        self.require_choice("second_stage", tuple(REGRESSORS))

    @abstractmethod
    def fit_encoder(
        self, train: TrainingData, latent_dim: int, seed: int, device: torch.device
    ) -> Encoder:
        """Return phi: features (n, m) -> code (n, latent_dim)."""

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedTwoStage:
        """Fit phi, then the control function on phi(X)."""
        self.check_parameters()
        latent_dim = self._latent_dim(train)
        encoder = self.fit_encoder(
            train, latent_dim, derive_seed(seed, "encoder"), resolve_device(device)
        )
        stage = fit_control_function(
            encoder(train.features),
            train,
            make_regressor(self.second_stage),
            derive_seed(seed, "second stage"),
        )
        return FittedTwoStage(encoder, stage, train, self.backend)

    def _latent_dim(self, train: TrainingData) -> int:
        dimension = self.latent_dim if self.latent_dim is not None else train.latent_dim
        if dimension is None:
            raise DataError(
                f"{self.name} needs the dimension of the latents: the data does not disclose it, "
                "so pass latent_dim"
            )
        if dimension > train.m:
            raise DataError(
                f"{self.name}: latent_dim must be at most the {train.m} feature columns, "
                f"got {dimension}"
            )
        return dimension
