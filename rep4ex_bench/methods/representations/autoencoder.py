"""`autoencoder`: `rep4ex` without the penalty; what linear invariance adds is the difference."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.data import TrainingData
from rep4ex_bench.methods._autoencoder_method import AutoencoderMethod
from rep4ex_bench.methods.second_stages.choice import DEFAULT
from rep4ex_bench.methods.training.replica import Replica


class Autoencoder(AutoencoderMethod):
    """Plain autoencoder and a control function.

    Args:
        latent_dim: d; None takes what the data discloses, or else an estimate from the features
            (`training/latent_dimension.py`); "auto" takes the estimate in any case.
        autoencoder: "mlp", "variational", "wasserstein", "convolutional" or "invertible".
        hidden: width of the hidden layers.
        steps: most optimisation steps.
        second_stage: "index_splines", "splines", "thin_plate" or "mlp".
    """

    name: ClassVar[str] = "autoencoder"
    version: ClassVar[int] = 3

    def __init__(
        self,
        latent_dim: int | str | None = None,
        autoencoder: str = "mlp",
        hidden: int = 64,
        steps: int = 2000,
        second_stage: str = DEFAULT,
    ) -> None:
        self.latent_dim = latent_dim
        self.autoencoder = autoencoder
        self.hidden = hidden
        self.steps = steps
        self.second_stage = second_stage

    @property
    def replicas_per_fit(self) -> int:
        """How many autoencoders one fit trains."""
        return 1

    def replicas(self, train: TrainingData, seed: int) -> list[Replica]:
        """Return one autoencoder that is never shown the actions."""
        return [Replica(train.features, train.actions, None, 0.0, seed)]
