"""Natural cubic splines of several coordinates at once: bases, slopes, curvature penalties.

    s(x) = b_0 x + sum_k b_k H_k(x),   H_k'' a hat on [t_{k-1}, t_{k+1}],  k = 1..K-2
    penalty = integral s''^2 = b' P b   0 for b_0

Curvature is piecewise linear and 0 at the outer knots, so that the tails are linear. Knots lie at
quantiles between 5 % and 95 %.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from rep4ex_bench.data import FloatArray
from rep4ex_bench.methods.second_stages._index_function import LinearTailSpline

_INNER = (0.05, 0.95)
# Quantiles of a coordinate with few values may coincide; coordinates have unit variance.
_SPACING = 1e-3


class NaturalSplines:
    """Bases of q coordinates with K knots each; a coordinate has K - 1 basis functions.

    Attributes:
        knots: (q, K).
        penalties: (q, K - 1, K - 1).
    """

    def __init__(self, x: FloatArray, count: int) -> None:
        """Place `count` >= 3 knots by the rows of x (n, q)."""
        steps = _SPACING * np.arange(count)
        quantiles = np.quantile(x, np.linspace(*_INNER, count), axis=0).T
        self.knots = np.maximum.accumulate(quantiles - steps, axis=1) + steps
        gaps = np.diff(self.knots, axis=1)
        before, after = gaps[:, :-1], gaps[:, 1:]
        inner = np.arange(count - 2)
        # a hat is a sum of ramps (x - t)_+; integrated twice, of cubes (x - t)_+^3 / 6
        self._cubes = np.zeros((len(gaps), count, count - 2))
        self._cubes[:, inner, inner] = 1 / before / 6
        self._cubes[:, inner + 1, inner] = -(1 / before + 1 / after) / 6
        self._cubes[:, inner + 2, inner] = 1 / after / 6
        self.penalties = np.zeros((len(gaps), count - 1, count - 1))
        self.penalties[:, inner + 1, inner + 1] = (before + after) / 3
        self.penalties[:, inner[1:], inner[1:] + 1] = after[:, :-1] / 6
        self.penalties[:, inner[1:] + 1, inner[1:]] = after[:, :-1] / 6

    def basis(self, x: FloatArray) -> FloatArray:
        """Return basis functions (q, n, K - 1) at x (n, q)."""
        ramps = self._ramps(x)
        return np.concatenate([x.T[:, :, None], ramps**3 @ self._cubes], axis=2)

    def slopes(self, x: FloatArray, coefficients: FloatArray) -> FloatArray:
        """Return s_j'(x_j), (n, q), of splines with coefficients (q, K - 1) at x (n, q)."""
        weights = self._cubes @ coefficients[:, 1:, None]
        curved = 3 * self._ramps(x) ** 2 @ weights
        return np.asarray((curved[:, :, 0] + coefficients[:, :1]).T)

    def splines(self, coefficients: FloatArray) -> list[LinearTailSpline]:
        """Return the splines with coefficients (q, K - 1)."""
        values = self.basis(self.knots.T) @ coefficients[:, :, None]
        return [
            LinearTailSpline(CubicSpline(t, s, bc_type="natural"), float(t[0]), float(t[-1]))
            for t, s in zip(self.knots, values[:, :, 0], strict=True)
        ]

    def _ramps(self, x: FloatArray) -> FloatArray:
        return np.asarray(np.maximum(x.T[:, :, None] - self.knots[:, None, :], 0.0))
