"""`meats`: real features with real noise. The actions change the composition of meat.

    A ~ Unif[-1, 1]^2,  Z = alpha M0 A + V,  X = g0(Z) + R,  R = residual of a random specimen
    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

Z is the composition (fat, and protein given fat), g0(Z) the mean near-infrared spectrum of such
meat, and R what one of the 193 specimens of the table has beside the mean spectrum of its own
composition, drawn uniformly and independently of all else (`_meat_spectra.py`). So the features are
not noiseless, and most of what varies in them is not composition. V is truncated
(`_bounded_latents.py`): compositions stay among those that occur.

That the task can be solved without seeing Z is shown by a positive control that is no oracle:
`action_cca`, whose directions are those that the actions move, whatever varies beside them.
"""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.controls import ORACLES, Control, Controls
from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Description
from rep4ex_bench.scenarios._bounded_scenario import BoundedScenario
from rep4ex_bench.scenarios._meat_spectra import (
    CHANNELS,
    INSTALL,
    REQUIRES,
    MeanSpectrum,
    meat_spectra,
)
from rep4ex_bench.scenarios._structural import Draw
from rep4ex_bench.seeding import numpy_generator

_DIM = 2


class Meats(BoundedScenario):
    """Composition of meat as the latents, its spectrum as the features, with a specimen's own part.

    One latent unit is the standard deviation of V (before truncation). Latent j runs through
    `span` of the range that the specimens have, from -reach_j to reach_j, where reach_j is the
    largest |Z_j| that actions at 3 times the support can reach. Features are standard normal
    variates of absorbance, which have no unit.

    Args:
        n: training observations, at least 4.
        alpha: intervention strength; M0 has geometric scale 1.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        noise: standard deviation of the rest of U (outcome units).
        outcome: "softplus", "bump" or "interaction"; see `_outcome_functions.py`.
        span: share of the range of compositions, in (0, 1]; the smaller, the fainter in the noise.
    """

    name: ClassVar[str] = "meats"
    version: ClassVar[int] = 1
    data_label: ClassVar[str] = "semi-synthetic, real features"
    given_up: ClassVar[frozenset[str]] = frozenset({"full_support", "noiseless_features"})
    requires: ClassVar[tuple[str, ...]] = REQUIRES
    install: ClassVar[str] = INSTALL

    def __init__(
        self,
        n: int = 10_000,
        alpha: float = 1.0,
        confounding: float = 2.0,
        noise: float = 0.3,
        outcome: str = "softplus",
        span: float = 1.0,
    ) -> None:
        self.n = n
        self.alpha = alpha
        self.confounding = confounding
        self.noise = noise
        self.outcome = outcome
        self.span = span

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.check_shared_parameters()
        self.require_number("span", 0.0, strict=True, maximum=1.0)

    @property
    def dimension(self) -> int:
        """Two: fat, and protein given fat."""
        return _DIM

    @property
    def controls(self) -> Controls:
        """Oracles and `action_cca`, with the bound of the outcome function."""
        return Controls(super().controls.bound, (*ORACLES, Control("action_cca")))

    def description(self) -> Description:
        """Return the dimensions, which do not depend on parameters, and n."""
        return Description(_DIM, CHANNELS, self.n, _DIM, self.checked_offers())

    def mixing(self, reach: FloatArray) -> MeanSpectrum:
        """Return g0, which at |z_j| = reach_j is at the end of `span` of the compositions.

        Raises:
            DataError: the table is not there, or is another one.
        """
        return MeanSpectrum(meat_spectra(), reach / self.span)

    def feature_noise_draw(self) -> Draw:
        """Return the draw of residuals of random specimens; raises as `mixing`."""
        residuals = meat_spectra().residuals

        def draw(n: int, seed: int) -> FloatArray:
            return residuals[
                numpy_generator(seed, "feature noise").integers(len(residuals), size=n)
            ]

        return draw
