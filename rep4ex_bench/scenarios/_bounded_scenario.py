"""What scenarios share whose mixing is defined on a box: parameters, assumptions, sampling.

    A ~ Unif[-1, 1]^d,  Z = alpha M0 A + V,  X = g0(Z) (+ feature noise)
    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

The latents are those of `_bounded_latents.py`; g0 is the scenario's own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Task
from rep4ex_bench.scenarios._bounded_latents import bounded_latents
from rep4ex_bench.scenarios._structural import Draw, Structure
from rep4ex_bench.scenarios._structural_scenario import StructuralScenario
from rep4ex_bench.seeding import derive_seed
from rep4ex_bench.vocabulary import ASSUMPTIONS


class BoundedScenario(StructuralScenario):
    """A scenario with as many actions as latents, whose V is truncated.

    Class attributes:
        given_up: assumptions that its tasks break whatever the parameters are.
    """

    given_up: ClassVar[frozenset[str]] = frozenset({"full_support"})

    alpha: float

    @property
    @abstractmethod
    def dimension(self) -> int:
        """The number d of latents and of actions."""

    @abstractmethod
    def mixing(self, reach: FloatArray) -> Callable[[FloatArray], FloatArray]:
        """Return g0, (n, d) -> (n, m), for |z_j| <= reach_j."""

    def feature_noise_draw(self) -> Draw | None:
        """Return the draw of what is added to g0(Z); None where nothing is."""
        return None

    def check_shared_parameters(self) -> None:
        """Raise `ParameterError` if a parameter that all have lies outside its domain."""
        self.require_number("alpha", 0.0)
        self.check_structural_parameters(self.dimension, self.dimension)

    @property
    def assumptions(self) -> frozenset[str]:
        """All but what is given up, such as the full support of V; without strength M0 is 0."""
        lost = self.given_up | (set() if self.alpha > 0 else {"full_row_rank"})
        return frozenset(ASSUMPTIONS) - lost

    def sample(self, seed: int) -> Task:
        """Return the task of that seed."""
        self.check_parameters()
        root = derive_seed(seed, self.name)
        latents = bounded_latents(self.dimension, self.alpha, root)
        return Structure(
            action_effect=latents.action_effect,
            draw_noise=latents.draw_noise,
            covariance=latents.covariance,
            gaussian=False,
            mixing=self.mixing(latents.reach),
            outcome_function=self.outcome_function(self.dimension, root),
            confounding=self.confounding,
            noise=self.noise,
            draw_feature_noise=self.feature_noise_draw(),
        ).task(self.n, root)
