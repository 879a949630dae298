"""`rep4ex`: an autoencoder whose code is linear in the actions, then a control function.

Source: Rep4Ex (arXiv 2310.04295), Algorithm 1. Differences to the paper: the MMR penalty is the
whitened, unbiased statistic of `training/invariance_loss.py` (the plain one shrinks the code), the
encoder starts from the linear code that the actions move most (`training/linear_code.py`), and the
second stage is averaged over rotations (`second_stage/splines.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rep4ex_bench.data import TrainingData
from rep4ex_bench.methods._autoencoder_method import AutoencoderMethod, only
from rep4ex_bench.methods._two_stage import Code
from rep4ex_bench.training.replica import Replica
from rep4ex_bench.training.stack import Outcome


class Rep4Ex(AutoencoderMethod):
    """Autoencoder with the MMR penalty and a control function.

    Args:
        latent_dim: d; None takes what the data discloses.
        penalty_weight: lambda, at least 0. The penalty has no scale, so one value serves many
            problems; 0 is the plain autoencoder.
        autoencoder: "mlp", "variational", "wasserstein", "convolutional" or "invertible".
        hidden: width of the hidden layers.
        steps: most optimisation steps of the autoencoder.
        second_stage: "splines" or "mlp".
    """

    name: ClassVar[str] = "rep4ex"
    version: ClassVar[int] = 2

    def __init__(
        self,
        latent_dim: int | None = None,
        penalty_weight: float = 3.0,
        autoencoder: str = "mlp",
        hidden: int = 64,
        steps: int = 2000,
        second_stage: str = "splines",
    ) -> None:
        self.latent_dim = latent_dim
        self.penalty_weight = penalty_weight
        self.autoencoder = autoencoder
        self.hidden = hidden
        self.steps = steps
        self.second_stage = second_stage

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        super().check_parameters()
        self.require_number("penalty_weight", 0.0)

    @property
    def replicas_per_fit(self) -> int:
        """How many autoencoders one fit trains."""
        return 1

    def replicas(self, train: TrainingData, seed: int) -> list[Replica]:
        """Return the autoencoders to train."""
        return [penalised_replica(train, float(self.penalty_weight), seed)]

    def choose(self, train: TrainingData, outcomes: Sequence[Outcome], seed: int) -> Code:
        """Return the code of the one that there is."""
        return only(outcomes)


def penalised_replica(train: TrainingData, weight: float, seed: int) -> Replica:
    """Return an autoencoder with linear invariance; with weight 0 it is never shown the actions."""
    start = train.actions if weight > 0 else None
    return Replica(train.features, train.actions, start, weight, seed)
