"""`autoencoder`: an autoencoder that is never shown the actions."""

from __future__ import annotations

from typing import Any, ClassVar

from rep4ex_bench.data import TrainingData
from rep4ex_bench.methods.representations._autoencoders import TrainedRepresentation
from rep4ex_bench.methods.training.replica import Replica


class PlainAutoencoder(TrainedRepresentation):
    """Plain autoencoder.

    Args:
        latent_dim: d; None takes what the data discloses, or else an estimate from the features
            (`training/latent_dimension.py`); "auto" takes the estimate in any case.
        autoencoder: "mlp", "variational", "wasserstein", "convolutional", "invertible" or
            "conditional", which is shown the actions all the same.
        hidden: width of the hidden layers.
        steps: most optimisation steps.
    """

    name: ClassVar[str] = "autoencoder"
    version: ClassVar[int] = 1
    quick: ClassVar[dict[str, Any]] = {"steps": 30}

    def __init__(
        self,
        latent_dim: int | str | None = None,
        autoencoder: str = "mlp",
        hidden: int = 64,
        steps: int = 2000,
    ) -> None:
        self.latent_dim = latent_dim
        self.autoencoder = autoencoder
        self.hidden = hidden
        self.steps = steps

    @property
    def replicas_per_fit(self) -> int:
        """How many autoencoders one fit trains."""
        return 1

    def replicas(self, train: TrainingData, seed: int) -> list[Replica]:
        """Return one autoencoder that is never shown the actions."""
        return [Replica.of(train, train.actions, None, 0.0, seed)]
