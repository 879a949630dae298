"""What every method with a representation shares: encode, then fit a control function on the code.

Not a method itself: `rep4ex`, `autoencoder` and `pca` differ only in how phi is found.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData, as_float32, check_query_actions
from rep4ex_bench.errors import DataError
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.methods.second_stages.choice import REGRESSORS, make_regressor
from rep4ex_bench.methods.second_stages.control_function import (
    ControlFunction,
    fit_control_function,
)
from rep4ex_bench.methods.training.certificate import Certificate
from rep4ex_bench.methods.training.latent_dimension import estimate_latent_dim
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.seeding import derive_seed

# As `latent_dim`: from the features, even where the data discloses it.
ESTIMATED = "auto"


class Code(Protocol):
    """A learnt representation phi."""

    def encode(self, features: Tensor) -> FloatArray:
        """Return the code (n, d) of features (n, m)."""

    @property
    def certificate(self) -> Certificate | None:
        """What held-out rows say about the code; None where nothing was held out."""

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """What the representation has to say about itself."""


class FittedTwoStage(FittedMethod):
    """A representation with a control function on it."""

    def __init__(self, code: Code, stage: ControlFunction, train: TrainingData) -> None:
        self._code = code
        self._stage = stage
        self._k, self._m = train.k, train.m

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,)."""
        return self._stage.predict_do(check_query_actions(actions, self._k))

    def represent(self, features: Tensor) -> FloatArray:
        """Return the code phi(X), (n, d)."""
        rows = as_float32("features", features, 2)
        if rows.shape[1] != self._m:
            raise DataError(f"features must have {self._m} column(s), got {rows.shape[1]}")
        return self._code.encode(rows)

    def support_coverage(self, actions: Tensor) -> FloatArray | None:
        """Return the share of the code under each do(a*) where the training code was, (q,)."""
        checked, certificate = check_query_actions(actions, self._k), self._code.certificate
        return None if certificate is None else certificate.coverage(checked)

    @property
    def certificate(self) -> Certificate | None:
        """Return what held-out rows say about the code, and how far queries are covered by it."""
        return self._code.certificate

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the backend that ran and what the representation says about itself."""
        return {"backend": "torch", **self._code.diagnostics}


def code_seed(seed: int) -> int:
    """Return the seed of the representation of a fit with that seed."""
    return derive_seed(seed, "encoder")


def fit_second_stage(
    code: Code | Exception, train: TrainingData, regressor: str, seed: int
) -> FittedTwoStage:
    """Return the control function on a code; raise what came instead of a code.

    Args:
        code: phi.
        train: what it was learnt from.
        regressor: name in `REGRESSORS`.
        seed: of the whole fit.
    """
    if isinstance(code, Exception):
        raise code
    stage = fit_control_function(
        code.encode(train.features),
        train,
        make_regressor(regressor),
        derive_seed(seed, "second stage"),
    )
    return FittedTwoStage(code, stage, train)


class TwoStageMethod(Method):
    """Base of methods that learn phi first; needs `latent_dim` and `second_stage` parameters."""

    latent_dim: int | str | None
    second_stage: str

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        if isinstance(self.latent_dim, str) and self.latent_dim != ESTIMATED:
            self.reject("latent_dim", f"{ESTIMATED!r}, None or an integer of at least 1")
        if self.latent_dim not in (None, ESTIMATED):
            self.require_integer("latent_dim", 1)
        self.require_choice("second_stage", tuple(REGRESSORS))

    @abstractmethod
    def fit_codes(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: torch.device
    ) -> Sequence[Code | Exception]:
        """Return phi of each set of training data, or why there is none."""

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedTwoStage:
        """Fit phi, then the control function on phi(X)."""
        self.check_parameters()
        (code,) = self.fit_codes([train], [code_seed(seed)], resolve_device(device))
        return fit_second_stage(code, train, self.second_stage, seed)

    def fit_many(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: str = "auto"
    ) -> list[FittedMethod | Exception]:
        """Fit to several sets of training data, their representations together."""
        self.check_parameters()
        codes = self.fit_codes(trains, [code_seed(seed) for seed in seeds], resolve_device(device))
        found: list[FittedMethod | Exception] = []
        for code, train, seed in zip(codes, trains, seeds, strict=True):
            try:
                found.append(fit_second_stage(code, train, self.second_stage, seed))
            except Exception as error:
                found.append(error)
        return found

    def latent_dim_of(self, train: TrainingData) -> int:
        """Return d: the parameter, else what the data discloses, else an estimate.

        Raises:
            DataError: it is more than there are features, or cannot be estimated.
        """
        if self.latent_dim == ESTIMATED or (self.latent_dim is None and train.latent_dim is None):
            return estimate_latent_dim(train.features)
        dimension = self.latent_dim if isinstance(self.latent_dim, int) else train.latent_dim
        if dimension is None or dimension > train.m:
            raise DataError(
                f"{self.name}: latent_dim must be at most the {train.m} feature columns, "
                f"got {dimension}"
            )
        return dimension
