"""`pca`: the first d principal components of the standardised features as the code."""

from __future__ import annotations

from typing import ClassVar

import torch
from sklearn import decomposition
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.method import to_float64
from rep4ex_bench.methods._two_stage import Encoder, TwoStageMethod
from rep4ex_bench.training.networks import Standardise


class PCA(TwoStageMethod):
    """Principal components and a control function: how far a linear code goes.

    Args:
        latent_dim: d; None takes what the data discloses.
        second_stage: "splines" or "mlp".
    """

    name: ClassVar[str] = "pca"
    version: ClassVar[int] = 1

    def __init__(self, latent_dim: int | None = None, second_stage: str = "splines") -> None:
        self.latent_dim = latent_dim
        self.second_stage = second_stage

    def fit_encoder(
        self, train: TrainingData, latent_dim: int, seed: int, device: torch.device
    ) -> Encoder:
        """Return the projection on the leading components (deterministic; on the CPU)."""
        standardise = Standardise(train.features)
        components = decomposition.PCA(n_components=latent_dim, svd_solver="full")
        components.fit(to_float64(standardise(train.features)))

        def encode(features: Tensor) -> FloatArray:
            code: FloatArray = components.transform(to_float64(standardise(features)))
            return code

        return encode
