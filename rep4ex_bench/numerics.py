"""Whitening: the affine map after which the training rows have mean 0 and covariance I."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError

# Directions whose standard deviation is below this share of the largest carry rounding, not code.
_RELATIVE_FLOOR = 1e-6


@dataclass(frozen=True)
class Whitening:
    """z -> (z - mean) @ matrix; directions in which the rows do not vary are dropped."""

    mean: FloatArray
    matrix: FloatArray

    @classmethod
    def fit(cls, rows: FloatArray) -> Whitening:
        """Fit to rows (n, d).

        Raises:
            DataError: rows that are not finite or do not vary at all.
        """
        if not np.isfinite(rows).all():
            raise DataError("the code is not finite: the representation diverged while training")
        mean = rows.mean(axis=0)
        _, singular, directions = np.linalg.svd(rows - mean, full_matrices=False)
        deviation = singular / np.sqrt(len(rows))
        if not deviation[0] > 0:
            raise DataError("the code is constant: it says nothing about the features")
        kept = deviation > _RELATIVE_FLOOR * deviation[0]
        return cls(mean, directions[kept].T / deviation[kept])

    def apply(self, rows: FloatArray) -> FloatArray:
        """Return whitened rows (n, r), r <= d."""
        return np.asarray((rows - self.mean) @ self.matrix)
