"""`balls`: rendered features. The actions move one or two coloured balls in a picture.

    A ~ Unif[-1, 1]^d,  Z = alpha M0 A + V,  X = g0(Z),  d = 2 balls
    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

Z are the positions of the balls (down and right of the first, then of the second), X the red, green
and blue of a 16 x 16 picture of them (`_ball_mixing.py`), without the values that training units
never move. The balls are soft and semi-transparent, and the second may lie over the first. V is
truncated (`_bounded_latents.py`): a ball must not leave the picture.
"""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Description
from rep4ex_bench.scenarios._ball_mixing import BallMixing, Balls, ball_pictures
from rep4ex_bench.scenarios._bounded_scenario import BoundedScenario

_RADII = (1.25, 4.0)
_MOST_BALLS = 2


class BallPositions(BoundedScenario):
    """Positions of soft balls as the latents, the picture of them as the features.

    One latent unit is the standard deviation of V (before truncation). It moves a ball by
    (8 - radius) / reach_j pixels, where reach_j is the largest |Z_j| that actions at 3 times the
    support can reach.

    Args:
        n: training observations, at least 2 balls + 2.
        alpha: intervention strength; M0 has geometric scale 1.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        noise: standard deviation of the rest of U (outcome units).
        outcome: "softplus", "bump" or "interaction"; see `_outcome_functions.py`.
        balls: 1 (two latents) or 2 (four latents).
        radius: standard deviation of a ball's Gaussian profile (pixels), 1.25 to 4; the larger, the
            more linear.
    """

    name: ClassVar[str] = "balls"
    version: ClassVar[int] = 1
    data_label: ClassVar[str] = "rendered"

    def __init__(
        self,
        n: int = 10_000,
        alpha: float = 1.0,
        confounding: float = 1.0,
        noise: float = 0.3,
        outcome: str = "softplus",
        balls: int = 2,
        radius: float = 1.25,
    ) -> None:
        self.n = n
        self.alpha = alpha
        self.confounding = confounding
        self.noise = noise
        self.outcome = outcome
        self.balls = balls
        self.radius = radius

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_integer("balls", 1)
        self.require_number("balls", 1, maximum=_MOST_BALLS)
        self.check_shared_parameters()
        self.require_number("radius", _RADII[0], maximum=_RADII[1])

    @property
    def dimension(self) -> int:
        """Two for each ball."""
        return 2 * self.balls

    def description(self) -> Description:
        """Return the dimensions and n; how many values move depends on balls and radius."""
        d = self.dimension
        return Description(d, len(self._pictures.kept), self.n, d, self.checked_offers())

    def mixing(self, reach: FloatArray) -> BallMixing:
        """Return g0, which at |z_j| = reach_j has moved a ball to one radius from the edge."""
        return BallMixing(self._pictures, reach)

    @property
    def _pictures(self) -> Balls:
        return ball_pictures(self.balls, float(self.radius))
