"""Soft balls as a mixing: g0 maps the positions of one or two balls to a picture in colour.

    (down, right) of ball b = travel (z_2b-1 / reach_2b-1, z_2b / reach_2b)      pixels from centre
    cover_b(p) = opacity exp(-|p - position of b|^2 / (2 radius^2))
    picture(p) = (1 - cover_2) cover_1 colour_1 + cover_2 colour_2               on black

p runs over 16 x 16 pixels; ball 2 lies over ball 1. g0 is injective, wherever balls overlap: the
colours are linearly independent, so a pixel tells cover_2, and, as opacity < 1, then cover_1; the
ratio of one cover at two pixels tells the position along the line between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._bounded_latents import check_reach
from rep4ex_bench.scenarios._images import TRAINED, box_grid, moving_columns

SIDE = 16
OPACITY = 0.8
COLOURS = np.array([[1.0, 0.4, 0.2], [0.2, 0.5, 1.0]])  # red, green, blue of either ball
_LEAST_CHANGE = 0.02  # of a value that is kept; 1 is full intensity


@dataclass(frozen=True)
class Balls:
    """Pictures of balls.

    Attributes:
        balls: how many, 1 or 2.
        radius: standard deviation of a ball's Gaussian profile (pixels).
    """

    balls: int
    radius: float

    @property
    def travel(self) -> float:
        """How far a ball gets from the centre (pixels): one radius from the edge."""
        return SIDE / 2 - self.radius

    def pictures(self, shares: FloatArray) -> FloatArray:
        """Return all values, (n, 768), red, green and blue of each pixel row by row.

        Args:
            shares: positions in units of the travel, (n, 2 balls).
        """
        picture = np.zeros((len(shares), SIDE, SIDE, 3))
        for ball, colour in enumerate(COLOURS[: self.balls]):
            down, right = (self._profile(shares[:, 2 * ball + axis]) for axis in (0, 1))
            cover = OPACITY * down[:, :, None, None] * right[:, None, :, None]
            picture += cover * (colour - picture)
        return picture.reshape(len(shares), -1)

    def _profile(self, share: FloatArray) -> FloatArray:
        """Return the Gaussian profile along one axis, (n, 16), about positions (n,)."""
        pixels = np.arange(SIDE) - (SIDE - 1) / 2
        off = (pixels - self.travel * share[:, None]) / self.radius
        return np.asarray(np.exp(-(off**2) / 2))

    @cached_property
    def kept(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """The values that training units move."""
        return moving_columns(
            self.pictures(box_grid(TRAINED, (5,) * (2 * self.balls))), _LEAST_CHANGE
        )


@lru_cache(maxsize=16)
def ball_pictures(balls: int, radius: float) -> Balls:
    """Return the pictures; which values they keep is found once."""
    return Balls(balls, radius)


@dataclass(frozen=True)
class BallMixing:
    """One g0: the pictures, and the latents at which the balls have travelled all the way.

    Attributes:
        pictures: of the balls.
        reach: shape (2 balls,).
    """

    balls: Balls
    reach: FloatArray

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Return the kept values, (n, m), at latents (n, 2 balls).

        Raises:
            DataError: latents beyond their reach.
        """
        check_reach(latents, self.reach, "pictures have a ball too far from the centre")
        return self.balls.pictures(latents / self.reach)[:, self.balls.kept]
