"""`pca`: the first d principal components of the standardised features as the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from sklearn import decomposition
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.errors import DataError
from rep4ex_bench.methods._two_stage import Code, TwoStageMethod
from rep4ex_bench.methods.second_stages.choice import DEFAULT
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.numerics import to_float64


class PCA(TwoStageMethod):
    """Principal components and a control function: how far a linear code goes.

    Args:
        latent_dim: d; None takes what the data discloses, or else an estimate from the features
            (`training/latent_dimension.py`); "auto" takes the estimate in any case.
        second_stage: "index_splines", "splines", "thin_plate" or "mlp".
    """

    name: ClassVar[str] = "pca"
    version: ClassVar[int] = 2

    def __init__(self, latent_dim: int | str | None = None, second_stage: str = DEFAULT) -> None:
        self.latent_dim = latent_dim
        self.second_stage = second_stage

    def fit_codes(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: torch.device
    ) -> list[Code | Exception]:
        """Return the projections on the leading components (deterministic; on the CPU)."""
        found: list[Code | Exception] = []
        for train in trains:
            try:
                found.append(_Components(train, self.latent_dim_of(train)))
            except DataError as error:
                found.append(error)
        return found


class _Components:
    """Projection of standardised features on leading components."""

    def __init__(self, train: TrainingData, latent_dim: int) -> None:
        self._standardise = Standardise(train.features)
        self._components = decomposition.PCA(n_components=latent_dim, svd_solver="full")
        self._components.fit(to_float64(self._standardise(train.features)))

    @property
    def certificate(self) -> None:
        """Return nothing: no rows were held out."""

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Return d."""
        return {"latent_dim": int(self._components.n_components)}

    def encode(self, features: Tensor) -> FloatArray:
        """Return the projection (n, d) of features (n, m)."""
        code: FloatArray = self._components.transform(to_float64(self._standardise(features)))
        return code
