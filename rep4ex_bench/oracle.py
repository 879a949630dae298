"""What nature knows of a task. Handed to oracle methods and to metrics only, never to a method.

    Z = M0 A + V,  X = g0(Z),  Y = l(Z) + U

is a `LinearOracle` (Rep4Ex, arXiv 2310.04295, Section 2); in a `GeneralOracle` the actions may act
on Z in any other way, and on Y beside Z.
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


class DrawnOracle(Oracle):
    """An oracle of X = g0(Z) and Y = l(Z) + U that draws V; its subclasses say how actions act.

    Attributes:
        mixing: g0, (n, d) -> (n, m).
        outcome_function: l, (n, d) -> (n,).
        draw_actions: (n, seed) -> (n, k), from the training distribution.
        draw_noise: (n, seed) -> V, (n, d).
        draw_outcome_noise: (V, seed) -> U, (n,), given V.
        draw_feature_noise: (n, seed) -> what is added to g0(Z), (n, m); None where X depends on Z
            alone.
        feature_noise: that of the training units, (n, m), or None likewise.
    """

    mixing: Callable[[FloatArray], FloatArray]
    outcome_function: Callable[[FloatArray], FloatArray]
    draw_actions: Callable[[int, int], FloatArray]
    draw_noise: Callable[[int, int], FloatArray]
    draw_outcome_noise: Callable[[FloatArray, int], FloatArray]
    draw_feature_noise: Callable[[int, int], FloatArray] | None
    feature_noise: FloatArray | None

    @abstractmethod
    def latents_of(self, actions: FloatArray, noise: FloatArray) -> FloatArray:
        """Return Z, (n, d), of actions (n, k) and V (n, d)."""

    def direct_effect(self, actions: FloatArray) -> FloatArray:
        """Return what actions (n, k) add to the outcome beside Z, (n,)."""
        return np.zeros(len(actions))

    def training_actions(self, n: int, seed: int) -> FloatArray:
        """Draw actions (n, k) from the training distribution."""
        return self.draw_actions(n, seed)

    def draw_do(self, actions: FloatArray, seed: int) -> LatentSample:
        """Draw one fresh unit under do(A = a) for each row of `actions` (n, k)."""
        own = None
        if self.draw_feature_noise is not None:
            own = self.draw_feature_noise(len(actions), seed)
        return self._units(actions, self.draw_noise(len(actions), seed), own)

    def draw_outcome_do(self, actions: FloatArray, seed: int) -> FloatArray:
        """Draw one fresh outcome (n,) under do(A = a) for each row of `actions` (n, k)."""
        noise = self.draw_noise(len(actions), seed)
        outcome = self.outcome_function(self.latents_of(actions, noise))
        outcome = outcome + self.direct_effect(actions)
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
        return self._units(actions, self.latent_noise, self.feature_noise)

    def _units(
        self, actions: FloatArray, noise: FloatArray, feature_noise: FloatArray | None
    ) -> LatentSample:
        latents = self.latents_of(actions, noise)
        features = self.mixing(latents)
        if feature_noise is not None:
            features = features + feature_noise
        return LatentSample(actions, latents, features)


@dataclass(frozen=True)
class LinearOracle(DrawnOracle):
    """An oracle of Z = M0 A + V, where the actions act on Y through Z alone.

    Attributes:
        latents: Z of the training data, (n, d).
        latent_noise: V of the training data, (n, d).
        action_effect: M0 with the intervention strength in it, (d, k).

    The others are those of `DrawnOracle`.
    """

    latents: FloatArray
    latent_noise: FloatArray
    action_effect: FloatArray
    mixing: Callable[[FloatArray], FloatArray]
    outcome_function: Callable[[FloatArray], FloatArray]
    draw_actions: Callable[[int, int], FloatArray]
    draw_noise: Callable[[int, int], FloatArray]
    draw_outcome_noise: Callable[[FloatArray, int], FloatArray]
    draw_feature_noise: Callable[[int, int], FloatArray] | None = None
    feature_noise: FloatArray | None = None

    def latents_of(self, actions: FloatArray, noise: FloatArray) -> FloatArray:
        """Return M0 A + V, (n, d)."""
        return np.asarray(actions @ self.action_effect.T + noise)


@dataclass(frozen=True)
class GeneralOracle(DrawnOracle):
    """An oracle of Z = act(A, V), where the actions may act on Y beside Z.

    Attributes:
        latents: Z of the training data, (n, d).
        latent_noise: V of the training data, (n, d).
        act: (A, V) -> Z.
        direct: A -> what it adds to Y, (n,).

    The others are those of `DrawnOracle`.
    """

    latents: FloatArray
    latent_noise: FloatArray
    act: Callable[[FloatArray, FloatArray], FloatArray]
    direct: Callable[[FloatArray], FloatArray]
    mixing: Callable[[FloatArray], FloatArray]
    outcome_function: Callable[[FloatArray], FloatArray]
    draw_actions: Callable[[int, int], FloatArray]
    draw_noise: Callable[[int, int], FloatArray]
    draw_outcome_noise: Callable[[FloatArray, int], FloatArray]
    draw_feature_noise: Callable[[int, int], FloatArray] | None = None
    feature_noise: FloatArray | None = None

    def latents_of(self, actions: FloatArray, noise: FloatArray) -> FloatArray:
        """Return Z, (n, d)."""
        return self.act(actions, noise)

    def direct_effect(self, actions: FloatArray) -> FloatArray:
        """Return what actions (n, k) add to the outcome beside Z, (n,)."""
        return self.direct(actions)
