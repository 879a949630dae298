"""`autoencoder`: `rep4ex` without the penalty; what linear invariance adds is the difference."""

from __future__ import annotations

from typing import ClassVar

import torch

from rep4ex_bench.data import TrainingData
from rep4ex_bench.methods._two_stage import Encoder, TwoStageMethod
from rep4ex_bench.methods.rep4ex import encoder_of
from rep4ex_bench.training.representation import train_autoencoder


class Autoencoder(TwoStageMethod):
    """Plain autoencoder and a control function.

    Args:
        latent_dim: d; None takes what the data discloses.
        steps: optimisation steps.
        second_stage: "splines" or "mlp".
    """

    name: ClassVar[str] = "autoencoder"
    version: ClassVar[int] = 1

    def __init__(
        self, latent_dim: int | None = None, steps: int = 2000, second_stage: str = "splines"
    ) -> None:
        self.latent_dim = latent_dim
        self.steps = steps
        self.second_stage = second_stage

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        super().check_parameters()
        self.require_integer("steps", 1)

    def fit_encoder(
        self, train: TrainingData, latent_dim: int, seed: int, device: torch.device
    ) -> Encoder:
        """Train the autoencoder and return its encoder."""
        network = train_autoencoder(train, latent_dim, 0.0, self.steps, seed, device)
        return encoder_of(network, device)
