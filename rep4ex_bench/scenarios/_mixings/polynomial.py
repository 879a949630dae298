"""Polynomial mixings of degree 4 with a polynomial inverse: two coupling layers, quadratic shifts.

    t(u) = B (C u + b)^2, B and C random      (see `_coupled.py` for the layers)

A polynomial mixing with as many features as it has monomials is linear in them: Z is then a linear
map of X (degree 4 in d latents has (d + 4 choose 4) of them). So m must be smaller; how much of Z
a linear map still finds is measured in any case.
"""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._mixings._coupled import Coupled, Shift


class Polynomial(Coupled):
    """Two coupling layers with quadratic shifts."""

    layers = 2

    def draw_shift(self, half: int, other: int, rng: np.random.Generator) -> Shift:
        """Draw squares of random directions, as many as there are columns to shift."""
        into = rng.standard_normal((other, half)) / np.sqrt(half)
        bias = rng.uniform(-0.5, 0.5, other)

        def shift(kept: FloatArray) -> FloatArray:
            return np.asarray((kept @ into.T + bias) ** 2)

        return shift
