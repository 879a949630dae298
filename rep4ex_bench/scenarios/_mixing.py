"""Random injective mixings g0: R^d -> R^m.

    h_0 = z,  h_l = s(M_l h_{l-1} + b_l) for l = 1..L,  g0(z) = M_{L+1} h_L

M_1 is m x d, the others m x m; the activation s is strictly increasing with slope in [slope, 1].
Injectivity is a certificate, not a hope: |g0(z) - g0(z')| >= lower |z - z'| with
lower = slope^L * prod_l sigma_min(M_l), and a mixing with lower = 0 is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError

KINDS = ("leaky_relu", "smooth", "linear")


def matrix_with_condition(
    rows: int, columns: int, condition: float, rng: np.random.Generator
) -> FloatArray:
    """Return a random matrix with condition number at most `condition`, geometric scale 1.

    Singular values are log-uniform in [condition^-1/2, condition^1/2]; singular vectors are Haar.
    """
    rank = min(rows, columns)
    left, _ = np.linalg.qr(rng.standard_normal((rows, rank)))
    right, _ = np.linalg.qr(rng.standard_normal((columns, rank)))
    singular = np.exp(rng.uniform(-0.5, 0.5, rank) * np.log(condition))
    return np.asarray((left * singular) @ right.T)


@dataclass(frozen=True)
class Mixing:
    """One g0. `lower` is its certified lower Lipschitz constant."""

    kind: str
    slope: float
    matrices: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]

    def __post_init__(self) -> None:
        if not self.lower > 0:
            raise DataError(
                "the mixing is not injective: a matrix loses rank or the activation is flat "
                f"(certified lower Lipschitz constant {self.lower}, must be above 0)"
            )

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Map latents (n, d) to features (n, m)."""
        hidden = latents
        for matrix, bias in zip(self.matrices[:-1], self.biases, strict=True):
            hidden = self._activate(hidden @ matrix.T + bias)
        return hidden @ self.matrices[-1].T

    def _activate(self, x: FloatArray) -> FloatArray:
        if self.kind == "linear":
            return x
        if self.kind == "leaky_relu":
            return np.where(x > 0, x, self.slope * x)
        return self.slope * x + (1 - self.slope) * np.logaddexp(0.0, x)

    @property
    def lower(self) -> float:
        """Lower Lipschitz constant of the whole map."""
        smallest = [_smallest_singular_value(matrix) for matrix in self.matrices]
        slope = 1.0 if self.kind == "linear" else self.slope
        return float(slope ** len(self.biases) * np.prod(smallest))


def _smallest_singular_value(matrix: FloatArray) -> float:
    """Return sigma_min of a map (out, in); 0 where it loses dimensions, up to rounding."""
    rows, columns = matrix.shape
    if rows < columns:
        return 0.0
    singular = np.linalg.svd(matrix, compute_uv=False)
    rounding = rows * np.finfo(np.float64).eps * singular[0]
    return float(singular[-1]) if singular[-1] > rounding else 0.0


def random_mixing(
    d: int,
    m: int,
    layers: int,
    slope: float,
    kind: str,
    condition: float,
    rng: np.random.Generator,
) -> Mixing:
    """Draw a mixing from R^d to R^m with `layers` nonlinear layers.

    Raises:
        DataError: the mixing would not be injective (m < d, slope 0).
    """
    widths = [d] + [m] * (layers + 1)
    matrices = tuple(
        matrix_with_condition(out, into, condition, rng) for into, out in pairwise(widths)
    )
    biases = tuple(rng.normal(0.0, 0.5, m) for _ in range(layers))
    return Mixing(kind, slope, matrices, biases)
