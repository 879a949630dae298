"""`photo_crop`: real features. The actions move a crop over a real photograph.

    A ~ Unif[-1, 1]^2,  Z = alpha M0 A + V,  X = g0(Z)
    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

Z is the position of the crop (centre of the photo = 0; down, right) and X are the 16 x 16 grey
values seen in it (`_crop_mixing.py`). cond(M0) <= 2. The rest is as in `linear_action.py`.

V is N(0, S), S with unit variances and a random correlation, conditioned on V' S^-1 V <= 4^2: a
crop must not leave the photo. That gives up the full support of V, which identification outside
the training actions formally needs (Rep4Ex, arXiv 2310.04295, Section 3), only in its last
exp(-8) = 0.03 % of mass: one row in 3,000 differs from a Gaussian V, less than what a finite
sample misses anyway. V stays independent of A and of mean 0, and the truth draws from this same V.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from rep4ex_bench.controls import Controls
from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Description, Scenario, Task
from rep4ex_bench.scenarios._crop_mixing import PHOTOS, SAMPLES, CropMixing, grey_photo
from rep4ex_bench.scenarios._mixing import matrix_with_condition
from rep4ex_bench.scenarios._noise import random_correlation
from rep4ex_bench.scenarios._outcome_functions import OUTCOME_FUNCTIONS
from rep4ex_bench.scenarios._query_grid import DISTANCES
from rep4ex_bench.scenarios._structural import Structure, correlated_noise
from rep4ex_bench.seeding import derive_seed, numpy_generator
from rep4ex_bench.vocabulary import ASSUMPTIONS

_ACTION_CONDITION = 2.0
_DIM = 2  # of the actions and of the position
_TRUNCATION = 4.0  # largest Mahalanobis norm of V
_BEYOND = np.exp(-(_TRUNCATION**2) / 2)  # mass of the bivariate Gaussian beyond it
# E|eps|^2 / 2 for standard normal eps in the plane, given |eps| <= truncation
_VARIANCE = 1 - _TRUNCATION**2 / 2 * _BEYOND / (1 - _BEYOND)
# Domains in which the tests find the position injective in the features.
_CROPS = (32, 256)
_MAX_BLUR = 16.0


class PhotoCrop(Scenario):
    """Position of a crop in a photograph as the latents, its grey values as the features.

    One latent unit is the standard deviation of V (before truncation). Per axis it moves the crop
    by span (photo side - crop) / 2 pixels over the largest |Z_j| that actions at 3 times the
    support can reach (`CropMixing.pixels_per_unit`): with span 1 the crop then just touches the
    edge of the photo.

    Args:
        n: training observations, at least 4.
        alpha: intervention strength; M0 has geometric scale 1.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        noise: standard deviation of the rest of U (outcome units).
        outcome: "softplus", "bump" or "interaction"; see `_outcome_functions.py`.
        photo: "china" or "flower".
        crop: side of the crop (pixels), 32 to 256; from about 192 on the position is nearly linear
            in the features.
        blur: standard deviation of the blur of the photo (pixels), 0 to 16.
        span: share of the photo that the crop may reach, in (0, 1]; the smaller, the more linear.
    """

    name: ClassVar[str] = "photo_crop"
    version: ClassVar[int] = 1
    data_label: ClassVar[str] = "semi-synthetic, real features"

    def __init__(
        self,
        n: int = 10_000,
        alpha: float = 1.0,
        confounding: float = 1.0,
        noise: float = 0.3,
        outcome: str = "softplus",
        photo: str = "china",
        crop: int = 64,
        blur: float = 4.0,
        span: float = 0.5,
    ) -> None:
        self.n = n
        self.alpha = alpha
        self.confounding = confounding
        self.noise = noise
        self.outcome = outcome
        self.photo = photo
        self.crop = crop
        self.blur = blur
        self.span = span

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_integer("n", _DIM + 2)
        for parameter in ("alpha", "confounding", "noise"):
            self.require_number(parameter, 0.0)
        self.require_choice("outcome", tuple(OUTCOME_FUNCTIONS))
        self.require_choice("photo", PHOTOS)
        self.require_integer("crop", _CROPS[0])
        self.require_number("crop", _CROPS[0], maximum=_CROPS[1])
        self.require_number("blur", 0.0, maximum=_MAX_BLUR)
        self.require_number("span", 0.0, strict=True, maximum=1.0)

    @property
    def assumptions(self) -> frozenset[str]:
        """All but the full support of V, which is truncated; without strength M0 is 0."""
        lost = {"full_support"} if self.alpha > 0 else {"full_support", "full_row_rank"}
        return frozenset(ASSUMPTIONS) - lost

    @property
    def controls(self) -> Controls:
        """Oracles, with the bound of the outcome function."""
        return Controls(OUTCOME_FUNCTIONS[self.outcome].bound)

    def description(self) -> Description:
        """Return the dimensions, which do not depend on parameters, and n."""
        return Description(_DIM, SAMPLES**2, self.n, _DIM, self.checked_offers())

    def sample(self, seed: int) -> Task:
        """Return the task of that seed; features (n, 256), actions (n, 2)."""
        self.check_parameters()
        root = derive_seed(seed, self.name)
        correlation = random_correlation(_DIM, numpy_generator(root, "covariance"))
        effect = self.alpha * matrix_with_condition(
            _DIM, _DIM, _ACTION_CONDITION, numpy_generator(root, "action effect")
        )
        # |V_j| <= truncation, since S has unit variances
        reach = max(DISTANCES) * np.abs(effect).sum(axis=1) + _TRUNCATION
        return Structure(
            action_effect=effect,
            draw_noise=correlated_noise(correlation, _truncated),
            covariance=_VARIANCE * correlation,
            gaussian=False,
            mixing=CropMixing(
                grey_photo(self.photo, float(self.blur)), self.crop, reach / self.span
            ),
            outcome_function=OUTCOME_FUNCTIONS[self.outcome](
                _DIM, numpy_generator(root, "outcome function")
            ),
            confounding=self.confounding,
            noise=self.noise,
        ).task(self.n, root)


def _truncated(normal: FloatArray) -> FloatArray:
    """Map standard normal rows (n, 2) to standard normal rows given norm <= truncation.

    |eps|^2 / 2 is exponential in the plane, so its truncation has the closed inverse
    q -> -log(mass beyond + (1 - mass beyond) exp(-q)); directions are kept.
    """
    half_square = (normal**2).sum(axis=1, keepdims=True) / 2
    kept = -np.log(_BEYOND + (1 - _BEYOND) * np.exp(-half_square))
    return np.asarray(normal * np.sqrt(kept / half_square))
