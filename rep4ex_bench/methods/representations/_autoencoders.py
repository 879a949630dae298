"""What every trained autoencoder shares as a representation: replicas are trained as one stack.

`invariant_autoencoder` and `autoencoder` differ in the replicas that they want, and in which of
them they take.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.methods.representations._latent_dim import WithLatentDim
from rep4ex_bench.methods.training.autoencoders import AUTOENCODERS
from rep4ex_bench.methods.training.certificate import Certificate, certify
from rep4ex_bench.methods.training.invariance_loss import InvarianceLoss
from rep4ex_bench.methods.training.optimise import DivergenceError
from rep4ex_bench.methods.training.penalty import Penalty
from rep4ex_bench.methods.training.replica import Plan, Replica
from rep4ex_bench.methods.training.stack import MOST_REPLICAS, Outcome, train_stack
from rep4ex_bench.methods.training.trained import TrainedAutoencoder
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.representation import Code, Progress
from rep4ex_bench.seeding import derive_seed


@dataclass(frozen=True)
class AutoencoderCode(Code):
    """The code of a trained autoencoder."""

    network: TrainedAutoencoder
    weight: float
    tested: Certificate

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        """Whether the autoencoder is shown the actions."""
        return self.network.autoencoder.conditional

    @property
    def certificate(self) -> Certificate:
        """Return what held-out rows say about the code."""
        return self.tested

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Return d, lambda, the steps taken and the certificate's numbers."""
        return {
            "latent_dim": self.network.autoencoder.latent_dim,
            "penalty_weight": self.weight,
            "steps": self.network.steps,
            "linear_invariance": self.certificate.linear_invariance,
            "linear_invariance_p_value": self.certificate.p_value,
            "reconstruction_error": self.certificate.reconstruction_error,
            "condition_number": self.certificate.condition_number,
        }

    def encode(self, features: Tensor, actions: Tensor | None = None) -> FloatArray:
        """Return the code (n, d) of features (n, m), for a conditional one with actions (n, k)."""
        return self.network.encode(features, actions)

    def decode(self, code: Tensor) -> FloatArray | None:
        """Return features (n, m) of codes (n, d); None where actions would be needed too."""
        return self.network.decode(code)


def check_training(method: Parameterised) -> None:
    """Raise `ParameterError` if what says how to train lies outside its domain."""
    method.require_choice("autoencoder", tuple(AUTOENCODERS))
    method.require_integer("hidden", 1)
    method.require_integer("steps", 1)


class TrainedRepresentation(WithLatentDim):
    """Base of representations that train autoencoders."""

    autoencoder: str
    hidden: int
    steps: int

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        super().check_parameters()
        check_training(self)

    @property
    @abstractmethod
    def replicas_per_fit(self) -> int:
        """How many autoencoders one fit trains."""

    @abstractmethod
    def replicas(self, train: TrainingData, seed: int) -> list[Replica]:
        """Return the autoencoders to train for one set of training data."""

    def choose(self, codes: Sequence[AutoencoderCode]) -> AutoencoderCode:
        """Return the code to go on with, of those that did not diverge (one at least)."""
        return codes[0]

    def make_penalty(self) -> Penalty:
        """Return what lambda weighs."""
        return InvarianceLoss()

    @property
    def group_size(self) -> int:
        """Most fits that are worth doing together."""
        return max(1, MOST_REPLICAS // self.replicas_per_fit)

    def fit(
        self,
        train: TrainingData,
        seed: int,
        device: torch.device,
        progress: Progress | None = None,
    ) -> Code:
        """Train the autoencoders of one set of training data."""
        (code,) = self._train([train], [seed], device, progress)
        if isinstance(code, Exception):
            raise code
        return code

    def fit_many(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: torch.device
    ) -> list[Code | Exception]:
        """Train the autoencoders of all sets of training data, those of one shape stacked."""
        return self._train(trains, seeds, device, None)

    def _train(
        self,
        trains: Sequence[TrainingData],
        seeds: Sequence[int],
        device: torch.device,
        progress: Progress | None,
    ) -> list[Code | Exception]:
        found: dict[int, Code | Exception] = {}
        by_dimension: dict[int, list[int]] = {}
        for place, train in enumerate(trains):
            try:
                latent_dim = self.latent_dim_of(train)
                AUTOENCODERS[self.autoencoder](train.m, latent_dim, self.hidden)
            except Exception as error:  # of this set alone
                found[place] = error
            else:
                by_dimension.setdefault(latent_dim, []).append(place)
        for latent_dim, places in by_dimension.items():
            plan = Plan(self.autoencoder, latent_dim, self.hidden, self.steps, self.make_penalty())
            wanted = [self.replicas(trains[place], seeds[place]) for place in places]
            flat = [replica for replicas in wanted for replica in replicas]
            outcomes = iter(train_stack(flat, plan, device, progress))
            for place, replicas in zip(places, wanted, strict=True):
                own = [next(outcomes) for _ in replicas]
                try:
                    codes = certified_codes(trains[place], replicas, own, seeds[place])
                    found[place] = self.choose(codes)
                except Exception as error:
                    found[place] = error
        return [found[place] for place in range(len(trains))]


def certified_codes(
    train: TrainingData, replicas: Sequence[Replica], outcomes: Sequence[Outcome], seed: int
) -> list[AutoencoderCode]:
    """Return the codes of the replicas that did not diverge.

    Raises:
        DivergenceError: all of them did.
    """
    trained = [
        (replica.weight, outcome)
        for replica, outcome in zip(replicas, outcomes, strict=True)
        if isinstance(outcome, TrainedAutoencoder)
    ]
    if not trained:
        raise next(outcome for outcome in outcomes if isinstance(outcome, DivergenceError))
    test_seed = derive_seed(seed, "certificate")
    return [
        AutoencoderCode(network, weight, certify(network, train, test_seed))
        for weight, network in trained
    ]
