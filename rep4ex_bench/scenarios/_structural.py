"""A task from the parts of a structural model: what `linear_action` and its like have in common.

    A ~ P_A,  Z = M0 A + V,  X = g0(Z),  Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

or, where a scenario says so, with Z = act(A, V), X = g0(Z) + noise, Y = l(Z) + direct(A) + U.

A scenario draws the parts from the root seed of the task; rows, queries, truth and oracle follow.
Every part has a stream of its own, so that a part can be exchanged and the others stay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.oracle import GeneralOracle, LinearOracle
from rep4ex_bench.scenario import Queries, Task, Truth
from rep4ex_bench.scenarios._monte_carlo import DRAWS, monte_carlo_truth
from rep4ex_bench.scenarios._noise import confounded_noise
from rep4ex_bench.scenarios._outcome_functions import OutcomeFunction
from rep4ex_bench.scenarios._query_grid import box_queries
from rep4ex_bench.seeding import derive_seed, numpy_generator

Draw = Callable[[int, int], FloatArray]  # (rows, seed) -> (rows, columns)
Act = Callable[[FloatArray, FloatArray], FloatArray]  # A (n, k), V (n, d) -> Z (n, d)


@dataclass(frozen=True)
class Structure:
    """The parts.

    Attributes:
        action_effect: M0 with the intervention strength in it, (d, k).
        draw_noise: V, of mean 0, independent of the actions.
        covariance: of V, (d, d), the population's.
        gaussian: whether V is Gaussian, so that the outcome function may have a closed form.
        mixing: g0, (n, d) -> (n, m), injective.
        outcome_function: l.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        noise: standard deviation of the rest of U (outcome units).
        draw_actions: A, (n, k); None draws them uniformly from [-1, 1]^k.
        queries: None asks those of `box_queries`, about [-1, 1]^k.
        act: (A, V) -> Z, (n, k) and (n, d) -> (n, d), in place of M0 A + V.
        direct: A -> what it adds to Y beside Z, (n, k) -> (n,).
        draw_feature_noise: what is added to g0(Z), (n, m).
        told_dim: latent_dim that is disclosed; None discloses d.
        outcome_dim: the first latents, whose V is that of U; None for all.
    """

    action_effect: FloatArray
    draw_noise: Draw
    covariance: FloatArray
    gaussian: bool
    mixing: Callable[[FloatArray], FloatArray]
    outcome_function: OutcomeFunction
    confounding: float
    noise: float
    draw_actions: Draw | None = None
    queries: Queries | None = None
    act: Act | None = None
    direct: Callable[[FloatArray], FloatArray] | None = None
    draw_feature_noise: Draw | None = None
    told_dim: int | None = None
    outcome_dim: int | None = None

    def task(self, n: int, root: int) -> Task:
        """Return the task with n training rows whose root seed the parts were drawn from."""
        d, k = self.action_effect.shape
        train_seed = derive_seed(root, "train")
        draw_actions = self.draw_actions or uniform_box(k)
        actions, latent_noise = draw_actions(n, train_seed), self.draw_noise(n, train_seed)
        oracle = self._oracle(actions, latent_noise, draw_actions, train_seed, root)
        outcome = self.outcome_function(oracle.latents)
        outcome = outcome + self._outcome_noise(latent_noise, root=root)
        outcome = outcome + oracle.direct_effect(actions)
        queries = self.queries or box_queries(k, numpy_generator(root, "queries"))
        return Task(
            train=TrainingData(
                torch.from_numpy(actions),
                torch.from_numpy(oracle.counterfactual(actions).features),
                torch.from_numpy(outcome),
                latent_dim=self.told_dim or d,
                # where the actions move nothing there is no number of moved latents to tell
                moved_dim=int(np.linalg.matrix_rank(self.action_effect)) or None,
            ),
            queries=queries,
            truth=self._truth(queries, oracle, root),
            oracle=oracle,
        )

    def _oracle(
        self,
        actions: FloatArray,
        latent_noise: FloatArray,
        draw_actions: Draw,
        train_seed: int,
        root: int,
    ) -> LinearOracle | GeneralOracle:
        drawn: dict[str, Any] = {
            "latent_noise": latent_noise,
            "mixing": self.mixing,
            "outcome_function": self.outcome_function,
            "draw_actions": draw_actions,
            "draw_noise": self.draw_noise,
            "draw_outcome_noise": partial(self._outcome_noise, root=root),
        }
        if self.draw_feature_noise is not None:
            drawn["draw_feature_noise"] = self.draw_feature_noise
            drawn["feature_noise"] = self.draw_feature_noise(len(actions), train_seed)
        linear = self._linear(actions, latent_noise)
        if self.act is None and self.direct is None:
            return LinearOracle(latents=linear, action_effect=self.action_effect, **drawn)
        return GeneralOracle(
            latents=linear if self.act is None else self.act(actions, latent_noise),
            act=self.act or self._linear,
            direct=self.direct or _nothing,
            **drawn,
        )

    def _linear(self, actions: FloatArray, noise: FloatArray) -> FloatArray:
        return np.asarray(actions @ self.action_effect.T + noise)

    def _outcome_noise(
        self, latent_noise: FloatArray, own_seed: int | None = None, *, root: int
    ) -> FloatArray:
        own = slice(self.outcome_dim)
        return confounded_noise(
            latent_noise[:, own],
            self.covariance[own, own],
            self.confounding,
            self.noise,
            root,
            own_seed,
        )

    def _truth(self, queries: Queries, oracle: LinearOracle | GeneralOracle, root: int) -> Truth:
        means = queries.actions @ self.action_effect.T
        if self.gaussian and isinstance(oracle, LinearOracle):
            exact = self.outcome_function.gaussian_expectation(means, self.covariance)
            if exact is not None:
                return Truth(exact, np.zeros(len(exact)), "closed form")
        draws = self.draw_noise(DRAWS, derive_seed(root, "truth"))
        if isinstance(oracle, LinearOracle):
            return monte_carlo_truth(self.outcome_function(mean + draws) for mean in means)
        return monte_carlo_truth(
            self.outcome_function(oracle.latents_of(action[None], draws))
            + oracle.direct_effect(action[None])
            for action in queries.actions
        )


def _nothing(actions: FloatArray) -> FloatArray:
    return np.zeros(len(actions))


def uniform_box(k: int) -> Draw:
    """Return the draw of actions (n, k), uniform on [-1, 1]^k."""

    def draw(n: int, seed: int) -> FloatArray:
        return numpy_generator(seed, "actions").uniform(-1.0, 1.0, (n, k))

    return draw


def correlated_noise(
    correlation: FloatArray, shape: Callable[[FloatArray], FloatArray] | None = None
) -> Draw:
    """Return the draw of V = L eps (n, d), L L' = correlation.

    Args:
        correlation: (d, d).
        shape: what standard normal rows (n, d) become before L; None leaves them Gaussian.
    """
    factor = np.linalg.cholesky(correlation)

    def draw(n: int, seed: int) -> FloatArray:
        eps = numpy_generator(seed, "latent noise").standard_normal((n, len(factor)))
        return np.asarray((eps if shape is None else shape(eps)) @ factor.T)

    return draw
