"""What a family of mixings is: random parts, an exact inverse, a strength from linear to bent."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._mixing import matrix_with_condition

CONDITION = 4.0  # bound on the condition number of every random matrix


class Family(ABC):
    """One random member of a family, g0: R^d -> R^m, at every strength.

    It is injective at every strength, since it has a left inverse on all of R^d.

    Args:
        d: dimension of the latents.
        m: dimension of the features, at least `least_features(d)`.
        rng: draws all that is random of it.
    """

    @classmethod
    @abstractmethod
    def least_features(cls, d: int) -> int:
        """Return the fewest features with which d latents can be mixed."""

    @abstractmethod
    def __init__(self, d: int, m: int, rng: np.random.Generator) -> None:
        """Draw the parts."""

    @abstractmethod
    def mix(self, latents: FloatArray, strength: float) -> FloatArray:
        """Map latents (n, d) to features (n, m); strength in [0, 1], linear at 0."""

    @abstractmethod
    def unmix(self, features: FloatArray, strength: float) -> FloatArray:
        """Map features (n, m) of that strength back to their latents (n, d)."""


def conditioned(rows: int, columns: int, rng: np.random.Generator) -> FloatArray:
    """Return a random matrix (rows, columns) with condition number at most `CONDITION`."""
    return matrix_with_condition(rows, columns, CONDITION, rng)
