"""`broken`: the setting of Rep4Ex with one of its assumptions broken, the more the higher the step.

    A ~ P_A,  Z = act(A, V),  X = g0(Z) + noise,  Y = l(Z) + direct(A) + U

At step 0 it is `linear_action` with two actions, two latents, ten features, three layers of leaky
ReLUs and n = 4000 (or what the violation says instead), and everything holds. Steps 1 to 4 turn one
dial (`_violations.py`); all else is drawn from the same streams, so that the tasks of one seed
differ by what is broken alone.

The truth stays E[Y | do(A = a*)], with all that is broken in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from rep4ex_bench.controls import Controls
from rep4ex_bench.data import FloatArray
from rep4ex_bench.dial import Dial
from rep4ex_bench.scenario import Description, Scenario, Task
from rep4ex_bench.scenarios._broken_parts import (
    FoldedMixing,
    PartlyAdditive,
    actions_on_levels,
    bent,
    direct_effect,
    exponential_power,
    spread_by_actions,
    transformed_actions,
    truncated,
    with_exogenous,
)
from rep4ex_bench.scenarios._mixing import Mixing, random_mixing
from rep4ex_bench.scenarios._structural import Act, Draw, Structure, correlated_noise, uniform_box
from rep4ex_bench.scenarios._structural_scenario import action_effect_of, correlation_of
from rep4ex_bench.scenarios._violations import STEPS, VIOLATIONS, Setting
from rep4ex_bench.seeding import derive_seed, numpy_generator
from rep4ex_bench.vocabulary import ASSUMPTIONS

_LAYERS = 3
_SLOPE = 0.2
_MIXING_CONDITION = 4.0
_NOISE = 0.3  # standard deviation of what of U does not depend on V (outcome units)
_MEASURED_ROWS = 10_000


class Broken(Scenario):
    """One assumption broken, by five steps.

    Args:
        violation: which dial, a key of `_violations.VIOLATIONS`.
        step: 0 (everything holds) to 4.
        rows: training observations; 0 for those of the dial (4000, but for `few_rows`).
    """

    name: ClassVar[str] = "broken"
    version: ClassVar[int] = 1
    data_label: ClassVar[str] = "synthetic"

    def __init__(self, violation: str = "nonlinear_actions", step: int = 0, rows: int = 0) -> None:
        self.violation = violation
        self.step = step
        self.rows = rows

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_choice("violation", tuple(VIOLATIONS))
        self.require_integer("step", 0)
        if self.step >= STEPS:
            self.reject("step", f"an integer from 0 to {STEPS - 1}")
        self.require_integer("rows", 0)
        if 0 < self.rows < self.setting.k + 2:
            self.reject("rows", f"0, or an integer of at least {self.setting.k + 2}")

    @property
    def setting(self) -> Setting:
        """The numbers of its tasks."""
        return VIOLATIONS[self.violation].at(self.step)

    @property
    def offers(self) -> frozenset[str]:
        """An oracle, and one of Z = M0 A + V where the actions act like that alone."""
        one = self.setting
        other = one.bend or one.spread or one.direct_linear or one.direct_quadratic
        words = {"features", "oracle"}
        return frozenset(words if other else {*words, "linear_oracle"})

    @property
    def assumptions(self) -> frozenset[str]:
        """All but those that are broken."""
        return frozenset(ASSUMPTIONS) - VIOLATIONS[self.violation].lost(self.step)

    @property
    def controls(self) -> Controls | None:
        """Oracles at step 0, where everything holds; beyond it nobody need succeed."""
        return None if self.step else Controls()

    @property
    def dial(self) -> Dial:
        """The violation and its step."""
        return Dial(self.violation, VIOLATIONS[self.violation].says, self.step)

    def description(self) -> Description:
        """Return the dimensions of the step."""
        one = self.setting
        n = self.rows or one.n
        return Description(one.k, one.m, n, _told(one), self.checked_offers())

    def sample(self, seed: int) -> Task:
        """Return the task of that seed."""
        self.check_parameters()
        one, root = self.setting, derive_seed(seed, self.name)
        d = one.d + one.exogenous
        covariance = correlation_of(one.d, root)
        effect = one.alpha * action_effect_of(one.d, one.k, root)
        effect = np.concatenate([effect, np.zeros((one.exogenous, one.k))])
        mixing = random_mixing(
            d,
            one.m,
            _LAYERS,
            _SLOPE,
            "leaky_relu",
            _MIXING_CONDITION,
            numpy_generator(root, "mixing"),
        )
        draw_noise = with_exogenous(correlated_noise(covariance, _shape(one)), one.exogenous)
        covariance = _with_independent(covariance, one.exogenous)
        return Structure(
            action_effect=effect,
            draw_noise=draw_noise,
            covariance=covariance,
            gaussian=False,
            mixing=_mixing(one, mixing, effect, covariance),
            outcome_function=PartlyAdditive(one.d, one.interaction, root),
            confounding=one.confounding,
            noise=_NOISE,
            draw_actions=_draw_actions(one),
            act=_act(one, effect),
            direct=_direct(one, root),
            draw_feature_noise=_feature_noise(one, mixing, effect, draw_noise, root),
            told_dim=_told(one),
            outcome_dim=one.d,
        ).task(self.rows or one.n, root)


def _told(one: Setting) -> int:
    return one.d + one.exogenous if one.told else one.d


def _with_independent(correlation: FloatArray, further: int) -> FloatArray:
    """Return the correlation of these latents and of further independent ones."""
    d = len(correlation)
    whole = np.eye(d + further)
    whole[:d, :d] = correlation
    return whole


def _draw_actions(one: Setting) -> Draw | None:
    if one.levels is not None:
        return actions_on_levels(one.k, one.levels)
    return transformed_actions(one.k, one.power) if one.power != 1 else None


def _act(one: Setting, effect: FloatArray) -> Act | None:
    if one.bend:
        return bent(effect, one.bend)
    return spread_by_actions(effect, one.spread) if one.spread else None


def _direct(one: Setting, root: int) -> Callable[[FloatArray], FloatArray] | None:
    if not (one.direct_linear or one.direct_quadratic):
        return None
    direction = numpy_generator(root, "direct effect").standard_normal(one.k)
    direction /= np.linalg.norm(direction)
    return direct_effect(direction, one.direct_linear, one.direct_quadratic)


def _shape(one: Setting) -> Callable[[FloatArray], FloatArray] | None:
    if np.isfinite(one.bound):
        return truncated(one.bound)
    return exponential_power(one.tail) if one.tail != 2 else None


def _mixing(
    one: Setting, mixing: Mixing, effect: FloatArray, covariance: FloatArray
) -> Mixing | FoldedMixing:
    if not np.isfinite(one.fold):
        return mixing
    # uniform actions have variance 1/3
    deviation = np.sqrt((effect[0] ** 2).sum() / 3 + covariance[0, 0])
    return FoldedMixing(mixing, one.fold * deviation)


def _feature_noise(
    one: Setting, mixing: Mixing, effect: FloatArray, draw_noise: Draw, root: int
) -> Draw | None:
    """Return the draw of the features' noise, in the features' standard deviations."""
    if not one.feature_noise:
        return None
    seed = derive_seed(root, "features' spread")
    latents = uniform_box(one.k)(_MEASURED_ROWS, seed) @ effect.T
    deviations = one.feature_noise * mixing(latents + draw_noise(_MEASURED_ROWS, seed)).std(axis=0)

    def draw(n: int, own_seed: int) -> FloatArray:
        normal = numpy_generator(own_seed, "feature noise").standard_normal((n, one.m))
        return np.asarray(deviations * normal)

    return draw
