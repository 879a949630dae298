"""`invariant_autoencoder`: an autoencoder whose code is linear in the actions.

Source: Rep4Ex (arXiv 2310.04295), Algorithm 1. Differences to the paper: the MMR penalty is the
whitened, unbiased statistic of `training/invariance_loss.py` (the plain one shrinks the code), with
independence of the residual and the actions beside it (`training/independence_loss.py`); and the
encoder starts from the linear code that the actions move most (`training/linear_code.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rep4ex_bench.data import TrainingData
from rep4ex_bench.methods.representations._autoencoders import (
    AutoencoderCode,
    TrainedRepresentation,
)
from rep4ex_bench.methods.training.independence_loss import PENALTIES
from rep4ex_bench.methods.training.lambda_selection import PATH, PathPoint, choose_lambda
from rep4ex_bench.methods.training.penalty import Penalty
from rep4ex_bench.methods.training.replica import Replica
from rep4ex_bench.methods.training.rows import held_out_count

# The penalty has no scale, so one value serves many problems.
WITHOUT_HELD_OUT = 3.0


class InvariantAutoencoder(TrainedRepresentation):
    """Autoencoder with the penalty of linear invariance.

    Args:
        latent_dim: d; None takes what the data discloses, or else an estimate from the features
            (`training/latent_dimension.py`); "auto" takes the estimate in any case.
        penalty_weight: lambda, at least 0; 0 is the plain autoencoder. The penalty has no scale,
            and no rule that was tried does better than always 3 (`docs/lambda-selection.md`, with
            penalty "mmr").
            "auto" trains a path of lambdas as one stack and chooses by held-out rows
            (`training/lambda_selection.py`), for data that 3 does not suit; below 160 rows it is 3.
        penalty: "mmr" (the paper's: the residual has mean 0 given the actions), "hsic" (it is
            independent of them, which the paper's model says too), "both", or "plain_mmr" (the
            statistic as the paper prints it, whose weight depends on the problem).
        autoencoder: "mlp", "variational", "wasserstein", "convolutional", "invertible",
            "conditional" or "random_start".
        hidden: width of the hidden layers.
        steps: most optimisation steps of the autoencoder.
    """

    name: ClassVar[str] = "invariant_autoencoder"
    version: ClassVar[int] = 1
    quick: ClassVar[dict[str, Any]] = {"steps": 30}

    def __init__(
        self,
        latent_dim: int | str | None = None,
        penalty_weight: float | str = 3.0,
        penalty: str = "both",
        autoencoder: str = "mlp",
        hidden: int = 64,
        steps: int = 2000,
    ) -> None:
        self.latent_dim = latent_dim
        self.penalty_weight = penalty_weight
        self.penalty = penalty
        self.autoencoder = autoencoder
        self.hidden = hidden
        self.steps = steps

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        super().check_parameters()
        self.require_choice("penalty", tuple(PENALTIES))
        if self.penalty_weight != "auto":
            if isinstance(self.penalty_weight, str):
                self.reject("penalty_weight", "'auto' or a finite number at least 0.0")
            self.require_number("penalty_weight", 0.0)

    def make_penalty(self) -> Penalty:
        """Return what lambda weighs."""
        return PENALTIES[self.penalty]()

    @property
    def replicas_per_fit(self) -> int:
        """How many autoencoders one fit trains."""
        return len(PATH) if self.penalty_weight == "auto" else 1

    def replicas(self, train: TrainingData, seed: int) -> list[Replica]:
        """Return the autoencoders to train: all lambdas of the path from the same seed."""
        if self.penalty_weight != "auto":
            weights: Sequence[float] = [float(self.penalty_weight)]
        else:  # without held-out rows there is nothing to choose by
            weights = PATH if held_out_count(train.n) else [WITHOUT_HELD_OUT]
        return [penalised_replica(train, weight, seed) for weight in weights]

    def choose(self, codes: Sequence[AutoencoderCode]) -> AutoencoderCode:
        """Return the code of the lambda that the held-out rows speak for."""
        if len(codes) == 1:
            return codes[0]
        return codes[choose_lambda([_point(code) for code in codes])]


def _point(code: AutoencoderCode) -> PathPoint:
    certificate = code.certificate
    return PathPoint(
        code.weight,
        certificate.reconstruction_error,
        certificate.linear_invariance,
        certificate.p_value,
    )


def penalised_replica(train: TrainingData, weight: float, seed: int) -> Replica:
    """Return an autoencoder with linear invariance; with weight 0 it is never shown the actions."""
    start = train.actions if weight > 0 else None
    return Replica.of(train, train.actions, start, weight, seed)
