"""What is trained: one autoencoder's data, lambda and seed, and what a stack has in common."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

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
    """

    features: Tensor
    source: Tensor
    start: Tensor | None
    weight: float
    seed: int
