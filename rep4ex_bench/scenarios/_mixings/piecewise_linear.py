"""Piecewise linear mixings: a random network of leaky ReLUs.

    h_0 = M_0 z,  h_l = M_l s(h_{l-1} + b_l) for l = 1..5,  g0(z) = h_5,  s(x) = max(x, slope x)

M_0 is m x d, the others m x m, all of full column rank, and s is strictly increasing: so g0 is
injective. Strength is how far the slope has gone from 1 to 0.02, on a logarithmic scale.
"""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._mixings.family import Family, conditioned

_LAYERS = 5
_FLATTEST = 0.02


class PiecewiseLinear(Family):
    """A network of leaky ReLUs."""

    @classmethod
    def least_features(cls, d: int) -> int:
        """Return two for one latent (in one feature it stays nearly linear), else d."""
        return max(2, d)

    def __init__(self, d: int, m: int, rng: np.random.Generator) -> None:
        """Draw matrices and biases."""
        self._first = conditioned(m, d, rng)
        self._matrices = [conditioned(m, m, rng) for _ in range(_LAYERS)]
        self._biases = [rng.normal(0.0, 0.5, m) for _ in range(_LAYERS)]

    def mix(self, latents: FloatArray, strength: float) -> FloatArray:
        """Map latents (n, d) to features (n, m)."""
        slope = _FLATTEST**strength
        hidden = latents @ self._first.T
        for matrix, bias in zip(self._matrices, self._biases, strict=True):
            shifted = hidden + bias
            hidden = np.maximum(shifted, slope * shifted) @ matrix.T
        return hidden

    def unmix(self, features: FloatArray, strength: float) -> FloatArray:
        """Undo one layer after the other."""
        slope = _FLATTEST**strength
        hidden = features
        for matrix, bias in zip(reversed(self._matrices), reversed(self._biases), strict=True):
            shifted = np.linalg.solve(matrix, hidden.T).T
            hidden = np.minimum(shifted, shifted / slope) - bias
        return hidden @ np.linalg.pinv(self._first).T
