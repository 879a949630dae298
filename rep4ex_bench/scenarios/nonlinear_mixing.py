"""`nonlinear_mixing`: the setting of Rep4Ex with mixings whose hardness is chosen and certified.

    A ~ Unif[-1, 1]^k,  V ~ N(0, S),  Z = alpha M0 A + V,  X = g0(Z)
    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

All but g0 is as in `linear_action.py`. There g0 is nearly linear at most sizes: a linear map of X
finds 98 % of Z at (k, d, m) = (2, 2, 10). Here g0 is of one of four families (`_mixings/`), and as
nonlinear as `hardness` says: the R^2 of Z on X by a linear map lies in [.92, .97] (easy), in
[.72, .82] (medium) or in [.53, .64] (hard), give or take .01. Each g0 has an exact inverse, so that
it is injective, and is used only where that inverse finds every drawn latent from features in
float32 to .001 standard deviations and g0 is nowhere too flat (`_mixings/certified.py`).
"""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.scenario import Description, Task
from rep4ex_bench.scenarios._mixings.certified import FAMILIES, HARDNESS, certified_mixing
from rep4ex_bench.scenarios._structural import Structure, correlated_noise, uniform_box
from rep4ex_bench.scenarios._structural_scenario import (
    StructuralScenario,
    action_effect_of,
    correlation_of,
)
from rep4ex_bench.seeding import derive_seed
from rep4ex_bench.vocabulary import ASSUMPTIONS

_MEASURED_ROWS = 10_000


class NonlinearMixing(StructuralScenario):
    """Linear effect of the actions on the latents, certified nonlinear mixing to the features.

    Args:
        k: dimension of the actions.
        d: dimension of the latents.
        m: dimension of the features; at least d, 2 with one latent, 2 d with `additive`. With many
            features for each latent a linear map finds the latents again, and no hard mixing is
            found.
        n: training observations, at least k + 2.
        family: "piecewise_linear", "additive", "flow" or "polynomial"; see `_mixings/`.
        hardness: "easy", "medium" or "hard".
        alpha: intervention strength, above 0; M0 has geometric scale 1.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        noise: standard deviation of the rest of U (outcome units).
        outcome: "softplus", "bump" or "interaction" (d >= 2); see `_outcome_functions.py`.
    """

    name: ClassVar[str] = "nonlinear_mixing"
    version: ClassVar[int] = 1
    data_label: ClassVar[str] = "synthetic"

    def __init__(
        self,
        k: int = 2,
        d: int = 2,
        m: int = 4,
        n: int = 4_000,
        family: str = "piecewise_linear",
        hardness: str = "hard",
        alpha: float = 1.0,
        confounding: float = 2.0,
        noise: float = 0.3,
        outcome: str = "softplus",
    ) -> None:
        self.k = k
        self.d = d
        self.m = m
        self.n = n
        self.family = family
        self.hardness = hardness
        self.alpha = alpha
        self.confounding = confounding
        self.noise = noise
        self.outcome = outcome

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        for parameter in ("k", "d"):
            self.require_integer(parameter, 1)
        self.require_choice("family", tuple(FAMILIES))
        self.require_choice("hardness", tuple(HARDNESS))
        self.require_integer("m", FAMILIES[self.family].least_features(self.d))
        self.require_number("alpha", 0.0, strict=True)
        self.check_structural_parameters(self.k, self.d)

    @property
    def assumptions(self) -> frozenset[str]:
        """All of them, but for M0, which is of rank min(d, k)."""
        lost = set() if self.k >= self.d else {"full_row_rank"}
        return frozenset(ASSUMPTIONS) - lost

    def description(self) -> Description:
        """Return the dimensions, which are parameters."""
        return Description(self.k, self.m, self.n, self.d, self.checked_offers())

    def sample(self, seed: int) -> Task:
        """Return the task of that seed.

        Raises:
            ParameterError: a parameter outside its domain.
            DataError: no mixing of that hardness could be certified for this seed.
        """
        self.check_parameters()
        root = derive_seed(seed, self.name)
        covariance = correlation_of(self.d, root)
        effect = self.alpha * action_effect_of(self.d, self.k, root)
        draw_noise = correlated_noise(covariance)
        measured = derive_seed(root, "certificate")
        latents = uniform_box(self.k)(_MEASURED_ROWS, measured) @ effect.T
        latents = latents + draw_noise(_MEASURED_ROWS, measured)
        return Structure(
            action_effect=effect,
            draw_noise=draw_noise,
            covariance=covariance,
            gaussian=True,
            mixing=certified_mixing(self.family, self.m, self.hardness, latents, root),
            outcome_function=self.outcome_function(self.d, root),
            confounding=self.confounding,
            noise=self.noise,
        ).task(self.n, root)
