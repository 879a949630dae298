"""What nature knows of a task. Handed to oracle methods and to metrics only, never to a method.

    Z = M0 A + V,  X = g0(Z),  Y = l(Z) + U

is a `LinearOracle` (Rep4Ex, arXiv 2310.04295, Section 2); in another one the actions may act in any
other way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.seeding import derive_seed


@dataclass(frozen=True)
class LatentSample:
    """Units with their latents: actions (n, k), latents (n, d), features (n, m)."""

    actions: FloatArray
    latents: FloatArray
    features: FloatArray


class Oracle(ABC):
    """What nature knows.

    Attributes:
        latents: Z of the training data, (n, d).
        latent_noise: V of the training data, (n, d).
    """

    latents: FloatArray
    latent_noise: FloatArray

    @abstractmethod
    def training_actions(self, n: int, seed: int) -> FloatArray:
        """Draw actions (n, k) from the training distribution."""

    @abstractmethod
    def draw_do(self, actions: FloatArray, seed: int) -> LatentSample:
        """Draw one fresh unit under do(A = a) for each row of `actions` (n, k)."""

    @abstractmethod
    def draw_outcome_do(self, actions: FloatArray, seed: int) -> FloatArray:
        """Draw one fresh outcome (n,) under do(A = a) for each row of `actions` (n, k).

        They are those of the units that `draw_do` draws for the same actions and seed.
        """

    @abstractmethod
    def counterfactual(self, actions: FloatArray) -> LatentSample:
        """Return the training units, each with its own V, had their actions been `actions` (n, k).

        Raises:
            ValueError: another number of rows than there are training units.
        """

    def draw(self, n: int, seed: int) -> LatentSample:
        """Draw n fresh units with training actions."""
        return self.draw_do(self.training_actions(n, seed), seed)


@dataclass(frozen=True)
class LinearOracle(Oracle):
    """An oracle of Z = M0 A + V.

    Attributes:
        latents: Z of the training data, (n, d).
        latent_noise: V of the training data, (n, d).
        action_effect: M0 with the intervention strength in it, (d, k).
        mixing: g0, (n, d) -> (n, m).
        outcome_function: l, (n, d) -> (n,).
        draw_actions: (n, seed) -> (n, k), from the training distribution.
        draw_noise: (n, seed) -> V, (n, d).
        draw_outcome_noise: (V, seed) -> U, (n,), given V.
    """

    latents: FloatArray
    latent_noise: FloatArray
    action_effect: FloatArray
    mixing: Callable[[FloatArray], FloatArray]
    outcome_function: Callable[[FloatArray], FloatArray]
    draw_actions: Callable[[int, int], FloatArray]
    draw_noise: Callable[[int, int], FloatArray]
    draw_outcome_noise: Callable[[FloatArray, int], FloatArray]

    def training_actions(self, n: int, seed: int) -> FloatArray:
        """Draw actions (n, k) from the training distribution."""
        return self.draw_actions(n, seed)

    def draw_do(self, actions: FloatArray, seed: int) -> LatentSample:
        """Draw one fresh unit under do(A = a) for each row of `actions` (n, k)."""
        return self._units(actions, self.draw_noise(len(actions), seed))

    def draw_outcome_do(self, actions: FloatArray, seed: int) -> FloatArray:
        """Draw one fresh outcome (n,) under do(A = a) for each row of `actions` (n, k)."""
        noise = self.draw_noise(len(actions), seed)
        outcome = self.outcome_function(actions @ self.action_effect.T + noise)
        return np.asarray(outcome + self.draw_outcome_noise(noise, derive_seed(seed, "outcome")))

    def counterfactual(self, actions: FloatArray) -> LatentSample:
        """Return the training units, each with its own V, had their actions been `actions` (n, k).

        Raises:
            ValueError: another number of rows than there are training units.
        """
        if len(actions) != len(self.latent_noise):
            raise ValueError(
                f"one action for each of the {len(self.latent_noise)} training units is needed, "
                f"got {len(actions)}"
            )
        return self._units(actions, self.latent_noise)

    def _units(self, actions: FloatArray, noise: FloatArray) -> LatentSample:
        latents = actions @ self.action_effect.T + noise
        return LatentSample(actions, latents, self.mixing(latents))
