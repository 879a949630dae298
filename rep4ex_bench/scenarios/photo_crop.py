"""`photo_crop`: real features. The actions move a crop over a real photograph.

    A ~ Unif[-1, 1]^2,  Z = alpha M0 A + V,  X = g0(Z)
    Y = l(Z) + U,  U = c gamma' V / sd(gamma' V) + noise eps

Z is the position of the crop (centre of the photo = 0; down, right) and X are the 16 x 16 grey
values seen in it (`_crop_mixing.py`). cond(M0) <= 2. The rest is as in `linear_action.py`.

V is truncated (`_bounded_latents.py`): a crop must not leave the photo.
"""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Description
from rep4ex_bench.scenarios._bounded_scenario import BoundedScenario
from rep4ex_bench.scenarios._crop_mixing import PHOTOS, SAMPLES, CropMixing, grey_photo

_DIM = 2  # of the actions and of the position
# Domains in which the tests find the position injective in the features.
_CROPS = (32, 256)
_MAX_BLUR = 16.0


class PhotoCrop(BoundedScenario):
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
        self.check_shared_parameters()
        self.require_choice("photo", PHOTOS)
        self.require_integer("crop", _CROPS[0])
        self.require_number("crop", _CROPS[0], maximum=_CROPS[1])
        self.require_number("blur", 0.0, maximum=_MAX_BLUR)
        self.require_number("span", 0.0, strict=True, maximum=1.0)

    @property
    def dimension(self) -> int:
        """Two: down and right."""
        return _DIM

    def description(self) -> Description:
        """Return the dimensions, which do not depend on parameters, and n."""
        return Description(_DIM, SAMPLES**2, self.n, _DIM, self.checked_offers())

    def mixing(self, reach: FloatArray) -> CropMixing:
        """Return g0, which at |z_j| = reach_j has moved the crop `span` of the way to the edge."""
        return CropMixing(grey_photo(self.photo, float(self.blur)), self.crop, reach / self.span)
