"""A handwritten digit as a mixing: g0 maps an angle and a log-scale to a picture of 16 x 16 pixels.

    (angle, log-scale) = (turn z_1 / reach_1, log(zoom) z_2 / reach_2)
    g0(z)_ij = I(pitch exp(-log-scale) R(angle)' (i - 7.5, j - 7.5))        i, j = 0..15
    I(p) = sum_rc D_rc B(p_1 - (r - 3.5)) B(p_2 - (c - 3.5))

D is the 8 x 8 digit, 0 white to 1 black, and B the cubic B-spline: I is twice continuously
differentiable, never below 0, and 0 from two pixels of D on around it. At the largest scale the ink
just fits into the circle within the picture.

That g0 is injective is a property of the digit and no theorem: `Warp.separation` measures it.
Source: `sklearn.datasets.load_digits` (UCI optical recognition of handwritten digits, 1998).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import pdist
from sklearn.datasets import load_digits

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._bounded_latents import check_reach
from rep4ex_bench.scenarios._images import TRAINED, box_grid, moving_columns

SIDE = 16
DIGITS = 1797
_GREY_LEVELS = 16  # of the source
_CENTRE = 3.5  # of the digit (pixels of the digit)
_LEAST_CHANGE = 0.02  # of a pixel that is kept; 1 is from white to black
_ANGLES, _SCALES = 41, 15


@lru_cache(maxsize=1)
def digits() -> FloatArray:
    """Return the digits of scikit-learn, (1797, 8, 8), 0 white to 1 black."""
    return np.asarray(load_digits().images / _GREY_LEVELS)


@dataclass(frozen=True)
class Warp:
    """Pictures of one digit, turned and scaled.

    Attributes:
        image: which digit, 0 to 1796.
        turn: largest angle, to either side (radians).
        zoom: largest factor of the scale, above 1; the smallest is 1 / zoom.
    """

    image: int
    turn: float
    zoom: float

    @cached_property
    def pitch(self) -> float:
        """Distance of two pixels of the picture at scale 1 (pixels of the digit)."""
        inked = np.argwhere(digits()[self.image] > 0) - _CENTRE
        farthest = float(np.linalg.norm(inked, axis=1).max())
        return self.zoom * (farthest + 1) / (SIDE / 2)

    def pictures(self, shares: FloatArray) -> FloatArray:
        """Return all 256 pixels, (n, 256), at shares (n, 2) of the turn and of the log zoom."""
        angle = shares[:, 0, None] * self.turn
        step = self.pitch * np.exp(-shares[:, 1, None] * math.log(self.zoom))
        offsets = np.arange(SIDE) - (SIDE - 1) / 2
        down, right = (axis.ravel() for axis in np.meshgrid(offsets, offsets, indexing="ij"))
        place = [
            step * (np.cos(angle) * down + np.sin(angle) * right),
            step * (np.cos(angle) * right - np.sin(angle) * down),
        ]
        values = ndimage.map_coordinates(
            digits()[self.image],
            [axis + _CENTRE for axis in place],
            order=3,
            mode="grid-constant",  # white around the digit
            prefilter=False,  # the pixels are the coefficients of the spline: nothing overshoots
        )
        return np.asarray(values)

    @cached_property
    def kept(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """The pixels that training units move."""
        return moving_columns(self.pictures(box_grid(TRAINED, (21, 11))), _LEAST_CHANGE)

    @cached_property
    def separation(self) -> float:
        """Smallest change of the picture over change of the latents, among pairs of a grid.

        The change of a picture is the root mean square over all 256 pixels of what the kept ones
        change (grey, 0 to 1), that of the latents is in units of their reach. The pairs are near
        (a Jacobian that loses rank shows) and far (another angle that looks the same shows).
        """
        grid = box_grid(1.0, (_ANGLES, _SCALES))
        pictures = self.pictures(grid)[:, self.kept] / SIDE
        return float((pdist(pictures) / pdist(grid)).min())


@lru_cache(maxsize=64)
def warp(image: int, turn: float, zoom: float) -> Warp:
    """Return the pictures of a digit; what was measured of them is kept."""
    return Warp(image, turn, zoom)


@dataclass(frozen=True)
class DigitMixing:
    """One g0: the pictures, and the latents at which turn and zoom are reached.

    Attributes:
        warp: the pictures.
        reach: shape (2,).
    """

    warp: Warp
    reach: FloatArray

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Return the grey values of the kept pixels, (n, m), at latents (n, 2).

        Raises:
            DataError: latents beyond their reach.
        """
        check_reach(latents, self.reach, "digits are turned or scaled too far")
        return self.warp.pictures(latents / self.reach)[:, self.warp.kept]
