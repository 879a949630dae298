"""Additive mixings: each latent bends a block of features of its own, which are then mixed.

    f_j(z) = (exp(w (c + i) (z - o_j)) - 1) / w, real and imaginary part: a logarithmic spiral
    g0(z)  = M [f_1(z_1), ..., f_d(z_d)]

so that g0 is a sum of functions of one latent each, the class of additive decoders (Lachapelle et
al., arXiv 2307.02598). A spiral gives its latent back by its distance from the pole, and M, of size
m x 2d, has full column rank: so g0 is injective. Strength is how far the turn w has gone from 0,
where a spiral is a straight line, to 2 radians per unit of the latent.
"""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._mixings.family import Family, conditioned

_FASTEST = 2.0  # radians per unit of the latent
_GROWTH = 0.15  # c, of the logarithm of the radius per radian


class Additive(Family):
    """A spiral of each latent."""

    @classmethod
    def least_features(cls, d: int) -> int:
        """Return two for each latent."""
        return 2 * d

    def __init__(self, d: int, m: int, rng: np.random.Generator) -> None:
        """Draw the matrix and where each spiral begins."""
        self._matrix = conditioned(m, 2 * d, rng)
        self._offsets = rng.uniform(-0.5, 0.5, d)

    def mix(self, latents: FloatArray, strength: float) -> FloatArray:
        """Map latents (n, d) to features (n, m)."""
        shifted, turn = latents - self._offsets, _FASTEST * strength
        exponent = (_GROWTH + 1j) * shifted
        spirals = np.expm1(turn * exponent) / turn if turn > 0 else exponent
        return np.concatenate([spirals.real, spirals.imag], axis=1) @ self._matrix.T

    def unmix(self, features: FloatArray, strength: float) -> FloatArray:
        """Undo the matrix, then read each latent from its spiral's radius."""
        real, imaginary = np.split(features @ np.linalg.pinv(self._matrix).T, 2, axis=1)
        turn = _FASTEST * strength
        if turn == 0:
            return imaginary + self._offsets
        radius = np.abs(1 + turn * (real + 1j * imaginary))
        return np.asarray(np.log(radius) / (turn * _GROWTH) + self._offsets)
