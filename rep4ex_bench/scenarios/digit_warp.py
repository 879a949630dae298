"""`digit_warp`: a real digit, rendered. The actions turn and scale a handwritten digit.

    A ~ Unif[-1, 1]^2,  Z = alpha M0 A + V,  X = g0(Z)
    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

Z are angle and log-scale of one digit, X the grey values of a 16 x 16 picture of it
(`_digit_mixing.py`), without the pixels that training units never move. V is truncated
(`_bounded_latents.py`): a full turn would be no turn.
"""

from __future__ import annotations

import math
from typing import ClassVar

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Description
from rep4ex_bench.scenarios._bounded_scenario import BoundedScenario
from rep4ex_bench.scenarios._digit_mixing import DIGITS, DigitMixing, Warp, warp

_DIM = 2
_MOST_TURN = 150.0
_MOST_ZOOM = 1.5  # beyond, pixels of the smallest digit would be too far apart for its strokes
# Root mean square change of grey over change of the latents; 1/256 is half a grey level a unit.
_LEAST_SEPARATION = 0.01


class DigitWarp(BoundedScenario):
    """Angle and log-scale of one digit of scikit-learn as the latents, its picture as the features.

    One latent unit is the standard deviation of V (before truncation). It turns the digit by
    turn / reach_1 degrees and scales it by zoom^(1 / reach_2), where reach is the largest |Z_j|
    that actions at 3 times the support can reach.

    Args:
        n: training observations, at least 4.
        alpha: intervention strength; M0 has geometric scale 1.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        noise: standard deviation of the rest of U (outcome units).
        outcome: "softplus", "bump" or "interaction"; see `_outcome_functions.py`.
        image: which digit of `sklearn.datasets.load_digits`, 0 to 1796.
        turn: largest angle to either side (degrees), above 0 and at most 150.
        zoom: largest factor of the scale, above 1 and at most 1.5; the smallest is 1 / zoom.
    """

    name: ClassVar[str] = "digit_warp"
    version: ClassVar[int] = 1
    data_label: ClassVar[str] = "semi-synthetic, rendered from real features"

    def __init__(
        self,
        n: int = 10_000,
        alpha: float = 1.0,
        confounding: float = 2.0,
        noise: float = 0.3,
        outcome: str = "softplus",
        image: int = 4,
        turn: float = 120.0,
        zoom: float = 1.4,
    ) -> None:
        self.n = n
        self.alpha = alpha
        self.confounding = confounding
        self.noise = noise
        self.outcome = outcome
        self.image = image
        self.turn = turn
        self.zoom = zoom

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain.

        So does a digit that looks nearly the same at two angles or scales within the range.
        """
        self.check_shared_parameters()
        self.require_integer("image", 0)
        self.require_number("image", 0, maximum=DIGITS - 1)
        self.require_number("turn", 0.0, strict=True, maximum=_MOST_TURN)
        self.require_number("zoom", 1.0, strict=True, maximum=_MOST_ZOOM)
        separation = self._warp.separation
        if not separation >= _LEAST_SEPARATION:
            self.reject(
                "image",
                f"a digit that looks different at every angle and scale within turn={self.turn!r} "
                f"and zoom={self.zoom!r} (separation {separation:.2g}, at least "
                f"{_LEAST_SEPARATION} is needed; take another digit, or other ranges)",
            )

    @property
    def dimension(self) -> int:
        """Two: angle and log-scale."""
        return _DIM

    def description(self) -> Description:
        """Return the dimensions and n; how many pixels move depends on digit, turn and zoom."""
        return Description(_DIM, len(self._warp.kept), self.n, _DIM, self.checked_offers())

    def mixing(self, reach: FloatArray) -> DigitMixing:
        """Return g0, which at |z_j| = reach_j has turned by `turn` and scaled by `zoom`."""
        return DigitMixing(self._warp, reach)

    @property
    def _warp(self) -> Warp:
        return warp(self.image, math.radians(self.turn), float(self.zoom))
