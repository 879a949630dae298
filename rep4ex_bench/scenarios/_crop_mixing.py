"""A photograph as a mixing: g0 maps the position of a crop to the grey values seen in it.

    p = (centre of the photo) + pixels_per_unit * z           z in R^2: down, right
    g0(z)_ij = I(p + ((i - 7.5), (j - 7.5)) * crop / 16)      i, j = 0..15, row by row

I is the blurred grey photo between its pixels (bilinear), so g0 is continuous. That g0 is injective
is a property of the photo, not a theorem: the tests measure it over the whole range.
Source: the two photos of scikit-learn (`sklearn.datasets.load_sample_image`), 427 x 640 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_image

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._bounded_latents import check_reach

PHOTOS = ("china", "flower")
SAMPLES = 16
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


@lru_cache(maxsize=8)
def grey_photo(photo: str, blur: float) -> FloatArray:
    """Return a photo of scikit-learn in grey, (427, 640), read-only, 0 black to 1 white.

    Args:
        photo: "china" or "flower".
        blur: standard deviation of the Gaussian blur (pixels); 0 for none.
    """
    colours = load_sample_image(f"{photo}.jpg") / 255.0
    grey = gaussian_filter(colours @ _LUMINANCE, blur, mode="nearest")
    grey.flags.writeable = False
    return np.asarray(grey)


@dataclass(frozen=True)
class CropMixing:
    """One g0: a photo, the size of the crop, and how far it may move.

    Attributes:
        image: grey photo, (height, width).
        crop: side of the square crop (pixels), at least 16 and below height and width.
        reach: shape (2,): the crop touches the edge of the photo at |z_j| = reach_j.
    """

    image: FloatArray
    crop: int
    reach: FloatArray

    @property
    def pixels_per_unit(self) -> FloatArray:
        """Pixels that one latent unit moves the crop, down and right, shape (2,)."""
        return (np.array(self.image.shape) - self.crop) / (2 * self.reach)

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Return the 256 grey values, (n, 256), of the crops at latents (n, 2).

        Raises:
            DataError: a crop that would leave the photo.
        """
        check_reach(latents, self.reach, "crops leave the photo")
        centre = (np.array(self.image.shape) - 1) / 2
        position = centre + latents * self.pixels_per_unit
        offsets = (np.arange(SAMPLES) - (SAMPLES - 1) / 2) * (self.crop / SAMPLES)
        row, below = _cell(position[:, 0, None] + offsets, self.image.shape[0])
        column, right = _cell(position[:, 1, None] + offsets, self.image.shape[1])
        # all samples: (n, 16, 1) against (n, 1, 16)
        row, below = row[:, :, None], below[:, :, None]
        column, right = column[:, None, :], right[:, None, :]
        upper = (1 - right) * self.image[row, column] + right * self.image[row, column + 1]
        lower = (1 - right) * self.image[row + 1, column] + right * self.image[row + 1, column + 1]
        values = (1 - below) * upper + below * lower
        return np.asarray(values.reshape(len(latents), SAMPLES**2))


def _cell(position: FloatArray, length: int) -> tuple[np.ndarray, FloatArray]:
    """Return the pixel before each position, with one more after it, and the fraction between."""
    before = np.clip(np.floor(position).astype(np.intp), 0, length - 2)
    return before, position - before
