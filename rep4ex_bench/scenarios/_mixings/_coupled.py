"""What the families of coupling layers share.

    h_0 = E z,  h_l = R_l (u, v + t_l(u)) for l = 1..L,  g0(z) = h_L,  (u, v) the halves of h_{l-1}

Each layer is undone by subtracting t_l(u), whatever t_l is (additive coupling: Dinh, Krueger and
Bengio, arXiv 1410.8516); E and R_l have full column rank: so g0 is injective.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenarios._mixings.family import Family, conditioned

Shift = Callable[[FloatArray], FloatArray]  # t: (n, half) -> (n, other half)


class Coupled(Family):
    """Coupling layers between an embedding of the latents and rotations."""

    layers: int

    @classmethod
    def least_features(cls, d: int) -> int:
        """Return two for one latent, since a layer needs two halves, else d."""
        return max(2, d)

    def __init__(self, d: int, m: int, rng: np.random.Generator) -> None:
        """Draw embedding, rotations and shifts."""
        self._half = m - m // 2
        self._embedding = conditioned(m, d, rng)
        self._shifts = [self.draw_shift(self._half, m // 2, rng) for _ in range(self.layers)]
        self._matrices = [conditioned(m, m, rng) for _ in range(self.layers)]

    @abstractmethod
    def draw_shift(self, half: int, other: int, rng: np.random.Generator) -> Shift:
        """Draw one t at full strength, (n, half) -> (n, other)."""

    def mix(self, latents: FloatArray, strength: float) -> FloatArray:
        """Map latents (n, d) to features (n, m)."""
        hidden = latents @ self._embedding.T
        for shift, matrix in zip(self._shifts, self._matrices, strict=True):
            kept, moved = hidden[:, : self._half], hidden[:, self._half :]
            hidden = np.concatenate([kept, moved + strength * shift(kept)], axis=1) @ matrix.T
        return hidden

    def unmix(self, features: FloatArray, strength: float) -> FloatArray:
        """Undo one layer after the other."""
        hidden: FloatArray = features
        for shift, matrix in zip(reversed(self._shifts), reversed(self._matrices), strict=True):
            hidden = np.asarray(np.linalg.solve(matrix, hidden.T).T)
            kept, moved = hidden[:, : self._half], hidden[:, self._half :]
            hidden = np.concatenate([kept, moved - strength * shift(kept)], axis=1)
        return hidden @ np.linalg.pinv(self._embedding).T
