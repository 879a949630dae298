"""`rep4ex_oracle_penalty`: `rep4ex` whose penalty is shown the true latents. An oracle.

The invariance penalty is replaced by what it stands in for, affine identification of Z
(`training/latent_loss.py`); all else, the second stage included, is as in `rep4ex`. It shows what
the autoencoder and the second stage could do with a perfect penalty. The name of the variant is the
paper's (Rep4Ex, arXiv 2310.04295, Section 6); this definition of it is ours.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from rep4ex_bench.data import TrainingData
from rep4ex_bench.method import OracleMethod
from rep4ex_bench.methods._preset import DEFAULT, WithSecondStage
from rep4ex_bench.methods.representations._autoencoders import certified_codes, check_training
from rep4ex_bench.methods.training.latent_loss import LatentLoss
from rep4ex_bench.methods.training.replica import Plan, Replica
from rep4ex_bench.methods.training.stack import train_stack
from rep4ex_bench.methods.two_stage import FittedTwoStage, code_seed, fit_second_stage
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.oracle import Oracle
from rep4ex_bench.second_stage import SecondStage
from rep4ex_bench.threads import on_fit_threads


class Rep4ExOraclePenalty(WithSecondStage, OracleMethod):
    """Autoencoder with the true latents in its penalty, and a control function.

    Args:
        penalty_weight: lambda, at least 0, of the unexplained share of the latents' variance.
        autoencoder: "mlp", "variational", "wasserstein", "convolutional" or "invertible".
        hidden: width of the hidden layers.
        steps: most optimisation steps.
        second_stage: name of a second stage, or a `SecondStage`.
    """

    name: ClassVar[str] = "rep4ex_oracle_penalty"
    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[str]] = frozenset({"features", "linear_oracle"})
    quick: ClassVar[dict[str, Any]] = {"steps": 30}

    def __init__(
        self,
        penalty_weight: float = 1.0,
        autoencoder: str = "mlp",
        hidden: int = 64,
        steps: int = 2000,
        second_stage: SecondStage | str = DEFAULT,
    ) -> None:
        self.penalty_weight = penalty_weight
        self.autoencoder = autoencoder
        self.hidden = hidden
        self.steps = steps
        self.second_stage = second_stage

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_number("penalty_weight", 0.0)
        check_training(self)
        self.check_second_stage()

    def parts(self) -> tuple[SecondStage]:
        """Return the second stage."""
        return (self.stage(),)

    @on_fit_threads
    def fit_with_oracle(
        self, train: TrainingData, oracle: Oracle, seed: int = 0, device: str = "auto"
    ) -> FittedTwoStage:
        """Fit phi with the latents of the training data, then the control function on phi(X)."""
        self.check_parameters()
        latents = torch.from_numpy(oracle.latents).to(torch.float32)
        weight = float(self.penalty_weight)
        replica = Replica.of(train, latents, train.actions, weight, code_seed(seed))
        plan = Plan(self.autoencoder, latents.shape[1], self.hidden, self.steps, LatentLoss())
        where = resolve_device(device)
        outcomes = train_stack([replica], plan, where)
        (code,) = certified_codes(train, [replica], outcomes, replica.seed)
        return fit_second_stage(code, train, self.stage(), seed, where)
