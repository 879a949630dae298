"""What is trained: one autoencoder's data, lambda and seed, and what a stack has in common."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rep4ex_bench.data import TrainingData
from rep4ex_bench.methods.training.penalty import Penalty


@dataclass(frozen=True)
class Plan:
    """What the replicas of a stack have in common.

    Attributes:
        autoencoder: name in `AUTOENCODERS`.
        latent_dim: d, width of the code.
        hidden: width of the hidden layers.
        steps: most optimisation steps, with batches of 256; the learning rate falls along a cosine.
        penalty: what lambda weighs.
    """

    autoencoder: str
    latent_dim: int
    hidden: int
    steps: int
    penalty: Penalty


@dataclass(frozen=True)
class Replica:
    """One autoencoder to train.

    Attributes:
        features: X, (n, m).
        source: of the penalty, (n, ...); not looked at where the weight is 0.
        start: actions (n, k) whose canonical directions the code starts from; None for principal
            components.
        weight: lambda, at least 0.
        seed: of the initial weights, the held-out rows, the batch order and the noise, one stream
            each.
        actions: A, (n, k), for conditional autoencoders; not looked at by others.
        environment: number of the environment (n,), likewise; None where the data have none.
    """

    features: Tensor
    source: Tensor
    start: Tensor | None
    weight: float
    seed: int
    actions: Tensor | None = None
    environment: Tensor | None = None

    @classmethod
    def of(
        cls, train: TrainingData, source: Tensor, start: Tensor | None, weight: float, seed: int
    ) -> Replica:
        """Return a replica on training data."""
        return cls(train.features, source, start, weight, seed, train.actions, train.environment)

    @property
    def k(self) -> int:
        """Dimension of the actions, 0 where they are not given."""
        return 0 if self.actions is None else self.actions.shape[1]

    @property
    def environments(self) -> int:
        """Return one more than the largest number of an environment, 0 where there are none."""
        return 0 if self.environment is None else int(self.environment.max()) + 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Replicas of one shape can be stacked."""
        return (*self.features.shape, *self.source.shape[1:], self.k, self.environments)
