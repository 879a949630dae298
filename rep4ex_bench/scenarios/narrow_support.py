"""`narrow_support`: one action on a support of any width, asked for at fixed actions.

    A ~ Unif[-g, g],  V ~ N(0, S),  Z = M0 A + V,  X = g0(Z)
    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

All but the actions is as in `linear_action.py`. There the strength of the actions grows and queries
lie at up to 3 times the support; here M0 stays and the support g shrinks, while a* runs over the
same interval [-3, 3], so that a small g asks for more of an extrapolation and has less to learn
from: at g = 0.2 up to 15 times the support. Source: Rep4Ex (arXiv 2310.04295), Section 6.2, whose
supports of .2, .7 and 1.2 are from memory and could not be checked against its text.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Description, Queries, Task
from rep4ex_bench.scenarios._mixing import random_mixing
from rep4ex_bench.scenarios._query_grid import box_queries
from rep4ex_bench.scenarios._structural import Draw, Structure, correlated_noise, uniform_box
from rep4ex_bench.scenarios._structural_scenario import (
    StructuralScenario,
    action_effect_of,
    correlation_of,
)
from rep4ex_bench.seeding import derive_seed, numpy_generator
from rep4ex_bench.vocabulary import ASSUMPTIONS

_ACTIONS = 1
_SLOPE = 0.2
_MIXING_CONDITION = 4.0
_FURTHEST = 3.0  # of the actions that are asked for


class NarrowSupport(StructuralScenario):
    """One action on [-support, support], queries on [-3, 3] whatever the support.

    Args:
        support: g, in (0, 3).
        d: dimension of the latents.
        m: dimension of the features, at least d.
        n: training observations, at least 3.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        noise: standard deviation of the rest of U (outcome units).
        outcome: "softplus", "bump" or "interaction" (d >= 2); see `_outcome_functions.py`.
        layers: nonlinear layers (leaky ReLU) of the mixing.
    """

    name: ClassVar[str] = "narrow_support"
    version: ClassVar[int] = 1
    data_label: ClassVar[str] = "synthetic"

    def __init__(
        self,
        support: float = 1.0,
        d: int = 1,
        m: int = 2,
        n: int = 10_000,
        confounding: float = 1.0,
        noise: float = 0.3,
        outcome: str = "bump",
        layers: int = 2,
    ) -> None:
        self.support = support
        self.d = d
        self.m = m
        self.n = n
        self.confounding = confounding
        self.noise = noise
        self.outcome = outcome
        self.layers = layers

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_number("support", 0.0, strict=True, maximum=_FURTHEST)
        if self.support == _FURTHEST:
            self.reject("support", "a number below 3: actions up to 3 are asked for")
        self.require_integer("d", 1)
        self.require_integer("m", self.d)
        self.require_integer("layers", 0)
        self.check_structural_parameters(_ACTIONS, self.d)

    @property
    def assumptions(self) -> frozenset[str]:
        """All of them, but for M0, which has one column."""
        return frozenset(ASSUMPTIONS) - (set() if self.d == 1 else {"full_row_rank"})

    def description(self) -> Description:
        """Return the dimensions, which are parameters."""
        return Description(_ACTIONS, self.m, self.n, self.d, self.checked_offers())

    def sample(self, seed: int) -> Task:
        """Return the task of that seed; M0, l and g0 are the same for every support."""
        self.check_parameters()
        root = derive_seed(seed, self.name)
        covariance = correlation_of(self.d, root)
        mixing = random_mixing(
            self.d,
            self.m,
            self.layers,
            _SLOPE,
            "leaky_relu",
            _MIXING_CONDITION,
            numpy_generator(root, "mixing"),
        )
        return Structure(
            action_effect=action_effect_of(self.d, _ACTIONS, root),
            draw_noise=correlated_noise(covariance),
            covariance=covariance,
            gaussian=True,
            mixing=mixing,
            outcome_function=self.outcome_function(self.d, root),
            confounding=self.confounding,
            noise=self.noise,
            draw_actions=_narrowed(uniform_box(_ACTIONS), self.support),
            queries=self._queries(root),
        ).task(self.n, root)

    def _queries(self, root: int) -> Queries:
        """Return queries at the same actions for every support, at distances that it decides."""
        asked = box_queries(_ACTIONS, numpy_generator(root, "queries"))
        return Queries(
            actions=asked.actions,
            distance=asked.distance / self.support,
            path_position=asked.path_position / self.support,
        )


def _narrowed(draw: Draw, support: float) -> Draw:
    def narrowed(n: int, seed: int) -> FloatArray:
        return np.asarray(support * draw(n, seed))

    return narrowed
