"""Mixings by a normalising flow: additive coupling layers whose shifts are small random networks.

    t(u) = 3 B sin(C u + b), B and C random       (see `_coupled.py` for the layers)

With m = d it is a diffeomorphism of R^d, with m > d one of R^m on an embedded plane.
"""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._mixings._coupled import Coupled, Shift

_WIDTH = 8
_LARGEST = 3.0


class Flow(Coupled):
    """Four coupling layers."""

    layers = 4

    def draw_shift(self, half: int, other: int, rng: np.random.Generator) -> Shift:
        """Draw a network with one hidden layer of sines."""
        into = rng.standard_normal((_WIDTH, half)) / np.sqrt(half)
        bias = rng.uniform(-np.pi, np.pi, _WIDTH)
        out = _LARGEST * rng.standard_normal((other, _WIDTH)) / np.sqrt(_WIDTH)

        def shift(kept: FloatArray) -> FloatArray:
            return np.asarray(np.sin(kept @ into.T + bias) @ out.T)

        return shift
