"""What several packages compute with: the device that is meant, float64 arrays, whitening."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError, UsageError

# Directions whose standard deviation is below this share of the largest carry rounding, not code.
_RELATIVE_FLOOR = 1e-6


@dataclass(frozen=True)
class Whitening:
    """The affine map after which the training rows have mean 0 and covariance I.

    z -> (z - mean) @ matrix; directions in which the rows do not vary are dropped.
    """

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


def resolve_device(device: str) -> torch.device:
    """Return the torch device that a request means here.

    Raises:
        UsageError: an unknown name, or CUDA where there is none.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cpu":
        return torch.device("cpu")
    if device == "cuda":
        if not torch.cuda.is_available():
            raise UsageError("device 'cuda' was asked for, but torch sees no CUDA device here")
        return torch.device("cuda")
    raise UsageError(f"device must be 'auto', 'cpu' or 'cuda', got {device!r}")


def to_float64(values: Tensor) -> FloatArray:
    """Return a tensor as a float64 array on the CPU."""
    return np.asarray(values.detach().to("cpu", torch.float64).numpy())
