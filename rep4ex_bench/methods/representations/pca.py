"""`pca`: the first d principal components of the standardised features as the code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from sklearn import decomposition
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.methods.representations._latent_dim import WithLatentDim
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.representation import Code, Progress


class PrincipalComponents(WithLatentDim):
    """Projection on the leading principal components.

    Args:
        latent_dim: d; None takes what the data discloses, or else an estimate from the features
            (`training/latent_dimension.py`); "auto" takes the estimate in any case.
    """

    name: ClassVar[str] = "pca"
    version: ClassVar[int] = 1

    def __init__(self, latent_dim: int | str | None = None) -> None:
        self.latent_dim = latent_dim

    def fit(
        self,
        train: TrainingData,
        seed: int,
        device: torch.device,
        progress: Progress | None = None,
    ) -> Components:
        """Return the projection (deterministic; on the CPU)."""
        return Components(train, self.latent_dim_of(train))


class Components(Code):
    """Projection of standardised features on leading components."""

    def __init__(self, train: TrainingData, latent_dim: int) -> None:
        self._standardise = Standardise(train.features)
        self._components = decomposition.PCA(n_components=latent_dim, svd_solver="full")
        self._components.fit(to_float64(self._standardise(train.features)))

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Return d."""
        return {"latent_dim": int(self._components.n_components)}

    def encode(self, features: Tensor, actions: Tensor | None = None) -> FloatArray:
        """Return the projection (n, d) of features (n, m)."""
        code: FloatArray = self._components.transform(to_float64(self._standardise(features)))
        return code
