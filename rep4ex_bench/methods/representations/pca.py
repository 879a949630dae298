"""`pca`: the first d principal components of the standardised features as the code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from sklearn import decomposition
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.methods.representations._latent_dim import WithLatentDim
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.representation import Code, Progress

# what scikit-learn projects with
_OF_A_PROJECTION = ("components_", "mean_", "explained_variance_")


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
        standardise = Standardise(train.features)
        components = decomposition.PCA(self.latent_dim_of(train), svd_solver="full")
        components.fit(to_float64(standardise(train.features)))
        return Components(standardise, components)


class Components(Code):
    """Projection of standardised features on leading components."""

    def __init__(self, standardise: Standardise, components: decomposition.PCA) -> None:
        self._standardise = standardise
        self._components = components

    def state(self) -> dict[str, Any]:
        """Return the projection."""
        return {
            "standardise": self._standardise,
            **{name: getattr(self._components, name) for name in _OF_A_PROJECTION},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the projection."""
        components = decomposition.PCA(len(state["components_"]), svd_solver="full")
        for name in _OF_A_PROJECTION:
            setattr(components, name, state[name])
        return cls(state["standardise"], components)

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Return d."""
        return {"latent_dim": int(self._components.n_components)}

    def encode(self, features: Tensor, actions: Tensor | None = None) -> FloatArray:
        """Return the projection (n, d) of features (n, m)."""
        code: FloatArray = self._components.transform(to_float64(self._standardise(features)))
        return code
