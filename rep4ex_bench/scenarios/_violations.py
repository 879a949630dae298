"""The dials of `broken`: what each step of a violation changes in the setting that keeps them all.

The first value of every dial is that at which nothing is broken. What each is expected to do stands
in `docs/violations.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

STEPS = 5


@dataclass(frozen=True)
class Setting:
    """Numbers of a task; these keep every assumption.

    Attributes:
        k, d, m, n: dimensions and training rows; d are the latents that the outcome depends on.
        alpha: intervention strength.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        bend: b in Z = M0 (A + b (A^2 - 1/3)) + V.
        spread: h in Z = M0 A + exp(h A_1) V.
        direct_linear: g of g b'A in the outcome, b of length 1 (outcome units).
        direct_quadratic: g of g (b'A)^2 likewise.
        feature_noise: standard deviation of what is added to each feature, in its own.
        exogenous: further latents in X that no action moves and that Y does not depend on.
        told: whether they are counted in `latent_dim`.
        bound: standard deviations at which the normal draws that V is made of are truncated.
        tail: exponent of the exponential power law that they are turned into, 2 for a normal law,
            1 for Laplace; of variance 1.
        levels: values of each action, evenly spaced; None for a uniform action.
        power: p of the known transformation A = sign(B) |B|^p, B uniform.
        fold: standard deviations of Z_1 at which the mixing folds it back; above it two latents
            share their features.
        interaction: share of the outcome function that is additive in no axes.
    """

    k: int = 2
    d: int = 2
    m: int = 10
    n: int = 4_000
    alpha: float = 1.0
    confounding: float = 1.0
    bend: float = 0.0
    spread: float = 0.0
    direct_linear: float = 0.0
    direct_quadratic: float = 0.0
    feature_noise: float = 0.0
    exogenous: int = 0
    told: bool = True
    bound: float = np.inf
    tail: float = 2.0
    levels: int | None = None
    power: float = 1.0
    fold: float = np.inf
    interaction: float = 0.0


HOLDS = Setting()


@dataclass(frozen=True)
class Violation:
    """One dial.

    Attributes:
        says: what happens, in words.
        dial: the attribute of `Setting` that turns.
        values: of it, one a step.
        breaks: words of `vocabulary.ASSUMPTIONS` that do not hold from the second step on.
        setting: all else.
    """

    says: str
    dial: str
    values: tuple[float | int | None, ...]
    breaks: frozenset[str] = frozenset()
    setting: Setting = HOLDS

    def at(self, step: int) -> Setting:
        """Return the setting of a step, 0 to 4."""
        turned: dict[str, Any] = {self.dial: self.values[step]}
        return replace(self.setting, **turned)

    def lost(self, step: int) -> frozenset[str]:
        """Return the assumptions that do not hold at a step."""
        return self.breaks if step else frozenset()


def _breaks(*words: str) -> frozenset[str]:
    return frozenset(words)


VIOLATIONS = {
    "nonlinear_actions": Violation(
        "the actions act on the latents nonlinearly",
        "bend",
        (0.0, 0.05, 0.1, 0.2, 0.5),
        _breaks("linear_action_effect"),
    ),
    "heteroscedastic": Violation(
        "the actions change the spread of V, not only the mean of Z",
        "spread",
        (0.0, 0.1, 0.2, 0.35, 0.5),
        _breaks("linear_action_effect"),
    ),
    "direct_quadratic": Violation(
        "the actions act on the outcome beside Z, by a square",
        "direct_quadratic",
        (0.0, 0.25, 0.5, 1.0, 2.0),
        _breaks("exclusion"),
    ),
    "direct_linear": Violation(
        "the actions act on the outcome beside Z, linearly; three actions, two latents",
        "direct_linear",
        (0.0, 0.25, 0.5, 1.0, 2.0),
        _breaks("exclusion"),
        Setting(k=3),
    ),
    "direct_linear_absorbed": Violation(
        "the actions act on the outcome beside Z, linearly; two actions, two latents",
        "direct_linear",
        (0.0, 0.25, 0.5, 1.0, 2.0),
        _breaks("exclusion"),
    ),
    "feature_noise": Violation(
        "the features are noisy",
        "feature_noise",
        (0.0, 0.05, 0.1, 0.3, 1.0),
        _breaks("noiseless_features", "injective_mixing"),
    ),
    "exogenous_told": Violation(
        "further latents in the features that no action moves; their number is told",
        "exogenous",
        (0, 1, 2, 3, 4),
        _breaks("full_row_rank"),
    ),
    "exogenous_untold": Violation(
        "further latents in the features that no action moves; their number is not told",
        "exogenous",
        (0, 1, 2, 3, 4),
        _breaks("full_row_rank", "known_dimension"),
        Setting(told=False),
    ),
    "bounded": Violation(
        "V is bounded",
        "bound",
        (np.inf, 3.0, 2.0, 1.5, 1.0),
        _breaks("full_support"),
    ),
    "heavy_tails": Violation(
        "V has heavier tails than a Gaussian (third step: Laplace)",
        "tail",
        (2.0, 1.5, 1.0, 0.75, 0.5),
    ),
    "weak": Violation(
        "the actions move the latents less",
        "alpha",
        (2.0, 1.0, 0.5, 0.25, 0.1),
    ),
    "fewer_actions": Violation(
        "fewer actions than latents",
        "k",
        (5, 4, 3, 2, 1),
        _breaks("full_row_rank"),
        Setting(d=5, m=20),
    ),
    "few_levels": Violation(
        "each action takes few values (second step: nine)",
        "levels",
        (None, 9, 5, 3, 2),
    ),
    "confounding": Violation(
        "more of the outcome's noise depends on V",
        "confounding",
        (0.0, 0.5, 1.0, 2.0, 3.0),
    ),
    "fold": Violation(
        "the mixing folds: latents beyond a point share their features with others",
        "fold",
        (np.inf, 2.0, 1.0, 0.5, 0.0),
        _breaks("injective_mixing"),
    ),
    "not_additive": Violation(
        "the outcome function is additive in no axes",
        "interaction",
        (0.0, 0.25, 0.5, 0.75, 1.0),
    ),
    "known_transformation": Violation(
        "the actions act through a known power, and it is this power that is told",
        "power",
        (1.0, 1.5, 2.0, 3.0, 4.0),
    ),
    "few_rows": Violation(
        "fewer training rows",
        "n",
        (30_000, 10_000, 3_000, 1_000, 300),
    ),
}
