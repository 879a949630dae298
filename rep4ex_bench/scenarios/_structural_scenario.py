"""What scenarios share that are made of a `Structure`: parameters, controls, random parts.

    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

l is one of `_outcome_functions.py`; how the actions act and what g0 is are the scenario's own.
"""

from __future__ import annotations

from rep4ex_bench.controls import Controls
from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Scenario
from rep4ex_bench.scenarios._mixing import matrix_with_condition
from rep4ex_bench.scenarios._noise import random_correlation
from rep4ex_bench.scenarios._outcome_functions import OUTCOME_FUNCTIONS, OutcomeFunction
from rep4ex_bench.seeding import numpy_generator

_ACTION_CONDITION = 2.0


class StructuralScenario(Scenario):
    """A scenario with these parameters: n, confounding, noise, outcome."""

    n: int
    confounding: float
    noise: float
    outcome: str

    def check_structural_parameters(self, k: int, d: int) -> None:
        """Raise `ParameterError` if one of them lies outside its domain.

        Args:
            k: dimension of the actions.
            d: dimension of the latents.
        """
        self.require_integer("n", k + 2)
        for parameter in ("confounding", "noise"):
            self.require_number(parameter, 0.0)
        self.require_choice("outcome", tuple(OUTCOME_FUNCTIONS))
        if self.outcome == "interaction" and d == 1:
            self.reject("outcome", "'softplus' or 'bump' when d is 1 (an interaction needs two)")

    @property
    def controls(self) -> Controls:
        """Oracles, with the bound of the outcome function."""
        return Controls(OUTCOME_FUNCTIONS[self.outcome].bound)

    def outcome_function(self, d: int, root: int) -> OutcomeFunction:
        """Return l of d latents, drawn from the root seed of a task."""
        return OUTCOME_FUNCTIONS[self.outcome](d, numpy_generator(root, "outcome function"))


def correlation_of(d: int, root: int) -> FloatArray:
    """Return the random correlation matrix of V, (d, d), of the root seed of a task."""
    return random_correlation(d, numpy_generator(root, "covariance"))


def action_effect_of(d: int, k: int, root: int) -> FloatArray:
    """Return M0, (d, k), of geometric scale 1 and condition at most 2, of a task's root seed."""
    return matrix_with_condition(d, k, _ACTION_CONDITION, numpy_generator(root, "action effect"))
