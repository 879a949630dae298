"""The parts of a structural model that `broken` exchanges: actions, V, mixing, outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._outcome_functions import Interaction, OutcomeFunction, Softplus
from rep4ex_bench.scenarios._structural import Act, Draw, uniform_box
from rep4ex_bench.seeding import numpy_generator


def actions_on_levels(k: int, levels: int) -> Draw:
    """Return the draw of actions (n, k) that take `levels` values, evenly spaced in [-1, 1]."""
    values = np.linspace(-1.0, 1.0, levels)

    def draw(n: int, seed: int) -> FloatArray:
        return values[numpy_generator(seed, "actions").integers(levels, size=(n, k))]

    return draw


def transformed_actions(k: int, power: float) -> Draw:
    """Return the draw of A = sign(B) |B|^power, (n, k), B uniform on [-1, 1]^k."""
    uniform = uniform_box(k)

    def draw(n: int, seed: int) -> FloatArray:
        given = uniform(n, seed)
        return np.asarray(np.sign(given) * np.abs(given) ** power)

    return draw


def with_exogenous(draw_noise: Draw, further: int) -> Draw:
    """Return the draw of V, as it was, with further independent standard normal columns."""
    if not further:
        return draw_noise

    def draw(n: int, seed: int) -> FloatArray:
        own = numpy_generator(seed, "exogenous latents").standard_normal((n, further))
        return np.concatenate([draw_noise(n, seed), own], axis=1)

    return draw


def bent(effect: FloatArray, bend: float) -> Act:
    """Return Z = M0 (A + b (A^2 - 1/3)) + V; the mean of A^2 is 1/3."""

    def act(actions: FloatArray, noise: FloatArray) -> FloatArray:
        return np.asarray((actions + bend * (actions**2 - 1 / 3)) @ effect.T + noise)

    return act


def spread_by_actions(effect: FloatArray, spread: float) -> Act:
    """Return Z = M0 A + exp(h A_1) V."""

    def act(actions: FloatArray, noise: FloatArray) -> FloatArray:
        return np.asarray(actions @ effect.T + np.exp(spread * actions[:, :1]) * noise)

    return act


def direct_effect(
    direction: FloatArray, linear: float, quadratic: float
) -> Callable[[FloatArray], FloatArray]:
    """Return what the actions add to the outcome, linear b'A + quadratic (b'A)^2, (n,)."""

    def direct(actions: FloatArray) -> FloatArray:
        along = actions @ direction
        return np.asarray(linear * along + quadratic * along**2)

    return direct


def truncated(bound: float) -> Callable[[FloatArray], FloatArray]:
    """Return the map of normal draws to normal draws within +-bound, scaled to variance 1."""
    law = stats.truncnorm(-bound, bound)
    deviation = law.std()
    return lambda normal: np.asarray(law.ppf(stats.norm.cdf(normal)) / deviation)


def exponential_power(tail: float) -> Callable[[FloatArray], FloatArray]:
    """Return the map of normal draws to draws of density exp(-|x|^tail), scaled to variance 1."""
    law = stats.gennorm(tail)
    deviation = law.std()

    def shape(normal: FloatArray) -> FloatArray:
        # by the lower tail on both sides: 1 - p loses what the upper one has
        lower = law.ppf(stats.norm.cdf(-np.abs(normal)))
        return np.asarray(-np.sign(normal) * lower / deviation)

    return shape


@dataclass(frozen=True)
class FoldedMixing:
    """A mixing after Z_1 was folded at a point: t - |t - z_1| in its place, neither injective.

    Attributes:
        mixing: g0, (n, d) -> (n, m).
        place: t, in latent units.
    """

    mixing: Callable[[FloatArray], FloatArray]
    place: float

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Map latents (n, d) to features (n, m)."""
        folded = latents.copy()
        folded[:, 0] = self.place - np.abs(self.place - latents[:, 0])
        return self.mixing(folded)


class PartlyAdditive(OutcomeFunction):
    """(1 - share) softplus + share interaction, of the first d latents."""

    def __init__(self, d: int, share: float, root: int) -> None:
        """Draw the weights of both; those of the softplus are the same at every share."""
        self._d = d
        self._share = share
        self._additive = Softplus(d, numpy_generator(root, "outcome function"))
        self._interaction = Interaction(d, numpy_generator(root, "interaction"))

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Return l(z), (n,), for latents (n, d and more)."""
        own = latents[:, : self._d]
        found = (1 - self._share) * self._additive(own)
        if self._share > 0:
            found = found + self._share * self._interaction(own)
        return np.asarray(found)

    def gaussian_expectation(self, means: FloatArray, covariance: FloatArray) -> None:
        """Return None: no closed form is known."""
