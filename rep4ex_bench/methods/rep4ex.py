"""`rep4ex`: an autoencoder whose code is linear in the actions, then a control function.

Source: Rep4Ex (arXiv 2310.04295), Algorithm 1. Differences to the paper: the MMR penalty is the
whitened, unbiased statistic of `training/invariance_loss.py` (the plain one shrinks the code), the
encoder starts from the linear code that the actions move most (`training/linear_code.py`), and the
second stage is averaged over rotations (`second_stage/splines.py`).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.method import to_float64
from rep4ex_bench.methods._two_stage import Encoder, TwoStageMethod
from rep4ex_bench.training.networks import AutoencoderNetwork
from rep4ex_bench.training.representation import train_autoencoder


class Rep4Ex(TwoStageMethod):
    """Autoencoder with the MMR penalty and a control function.

    Args:
        latent_dim: d; None takes what the data discloses.
        penalty_weight: lambda, at least 0. The penalty has no scale, so one value serves many
            problems; 0 is the plain autoencoder.
        steps: optimisation steps of the autoencoder.
        second_stage: "splines" or "mlp".
    """

    name: ClassVar[str] = "rep4ex"
    version: ClassVar[int] = 1

    def __init__(
        self,
        latent_dim: int | None = None,
        penalty_weight: float = 3.0,
        steps: int = 2000,
        second_stage: str = "splines",
    ) -> None:
        self.latent_dim = latent_dim
        self.penalty_weight = penalty_weight
        self.steps = steps
        self.second_stage = second_stage

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        super().check_parameters()
        self.require_number("penalty_weight", 0.0)
        self.require_integer("steps", 1)

    def fit_encoder(
        self, train: TrainingData, latent_dim: int, seed: int, device: torch.device
    ) -> Encoder:
        """Train the autoencoder and return its encoder."""
        network = train_autoencoder(
            train, latent_dim, self.penalty_weight, self.steps, seed, device
        )
        return encoder_of(network, device)


def encoder_of(network: AutoencoderNetwork, device: torch.device) -> Encoder:
    """Return the encoder of a trained network as a function on CPU tensors."""

    def encode(features: Tensor) -> FloatArray:
        with torch.no_grad():
            return to_float64(network.encode(features.to(device)))

    return encode
