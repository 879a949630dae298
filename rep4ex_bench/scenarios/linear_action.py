"""`linear_action`: the setting of the Rep4Ex paper, with every part drawn at random.

    A ~ Unif[-1, 1]^k,  V ~ N(0, S),  Z = alpha M0 A + V,  X = g0(Z)
    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

S has unit variances and random correlations, cond(M0) <= 2, g0 is injective (`_mixing.py`).
Source: Rep4Ex (arXiv 2310.04295), Sections 2 and 6; the draws are our own choice.
"""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.scenario import Description, Task
from rep4ex_bench.scenarios._mixing import KINDS, random_mixing
from rep4ex_bench.scenarios._structural import Structure, correlated_noise
from rep4ex_bench.scenarios._structural_scenario import (
    StructuralScenario,
    action_effect_of,
    correlation_of,
)
from rep4ex_bench.seeding import derive_seed, numpy_generator
from rep4ex_bench.vocabulary import ASSUMPTIONS


class LinearAction(StructuralScenario):
    """Linear effect of the actions on the latents, injective random network to the features.

    Args:
        k: dimension of the actions.
        d: dimension of the latents.
        m: dimension of the features, at least d.
        n: training observations, at least k + 2.
        alpha: intervention strength; M0 has geometric scale 1.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        noise: standard deviation of the rest of U (outcome units).
        outcome: "softplus", "bump" or "interaction" (d >= 2); see `_outcome_functions.py`.
        layers: nonlinear layers of the mixing.
        slope: smallest slope of its activation, in (0, 1].
        mixing: "leaky_relu", "smooth" or "linear".
        condition: bound on the condition number of each of its matrices.
    """

    name: ClassVar[str] = "linear_action"
    version: ClassVar[int] = 1
    data_label: ClassVar[str] = "synthetic"

    def __init__(
        self,
        k: int = 2,
        d: int = 2,
        m: int = 10,
        n: int = 10_000,
        alpha: float = 1.0,
        confounding: float = 1.0,
        noise: float = 0.3,
        outcome: str = "softplus",
        layers: int = 2,
        slope: float = 0.2,
        mixing: str = "leaky_relu",
        condition: float = 4.0,
    ) -> None:
        self.k = k
        self.d = d
        self.m = m
        self.n = n
        self.alpha = alpha
        self.confounding = confounding
        self.noise = noise
        self.outcome = outcome
        self.layers = layers
        self.slope = slope
        self.mixing = mixing
        self.condition = condition

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        for parameter in ("k", "d"):
            self.require_integer(parameter, 1)
        self.require_integer("layers", 0)
        self.require_integer("m", self.d)
        self.require_number("alpha", 0.0)
        self.require_number("slope", 0.0, strict=True, maximum=1.0)
        self.require_number("condition", 1.0)
        self.require_choice("mixing", KINDS)
        self.check_structural_parameters(self.k, self.d)

    @property
    def assumptions(self) -> frozenset[str]:
        """All of them, but for M0: it is of rank min(d, k), and 0 without strength."""
        lost = set() if self.k >= self.d and self.alpha > 0 else {"full_row_rank"}
        return frozenset(ASSUMPTIONS) - lost

    def description(self) -> Description:
        """Return the dimensions, which are parameters."""
        return Description(self.k, self.m, self.n, self.d, self.checked_offers())

    def sample(self, seed: int) -> Task:
        """Return the task of that seed."""
        self.check_parameters()
        root = derive_seed(seed, self.name)
        covariance = correlation_of(self.d, root)
        mixing = random_mixing(
            self.d,
            self.m,
            self.layers,
            self.slope,
            self.mixing,
            self.condition,
            numpy_generator(root, "mixing"),
        )
        return Structure(
            action_effect=self.alpha * action_effect_of(self.d, self.k, root),
            draw_noise=correlated_noise(covariance),
            covariance=covariance,
            gaussian=True,
            mixing=mixing,
            outcome_function=self.outcome_function(self.d, root),
            confounding=self.confounding,
            noise=self.noise,
        ).task(self.n, root)
