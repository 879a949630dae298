"""Formulas of accuracy: pure functions of predictions and truth, or of a code and the true latents.

nmse       = mean (prediction - truth)^2 / var(truth)     over the same queries
affine_r2  = 1 - |Z - [1, phi] B|^2 / |Z - mean Z|^2      B by least squares
"""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError


def normalised_mse(
    prediction: FloatArray, truth: FloatArray, variance: float | None = None
) -> float:
    """Return the mean squared error over the variance of the truth.

    Args:
        prediction: shape (q,).
        truth: shape (q,).
        variance: of the truth, where it is taken over more queries than these; None takes these.

    Raises:
        DataError: shapes that differ, a prediction that is not finite (it is an error, not a
            value to skip), or truth that does not vary.
    """
    if prediction.shape != truth.shape or truth.ndim != 1:
        raise DataError(
            f"one prediction per query is needed: expected shape {truth.shape}, "
            f"got {prediction.shape}"
        )
    bad = int((~np.isfinite(prediction)).sum())
    if bad:
        raise DataError(f"predictions must be finite, got {bad} of {len(prediction)} that are not")
    scale = float(truth.var()) if variance is None else variance
    if not scale > 0:
        raise DataError("the truth does not vary over these queries: no scale to compare with")
    return float(np.mean((prediction - truth) ** 2) / scale)


def explained_share(predicted: FloatArray, latents: FloatArray) -> float:
    """Return R^2 of predictions (n, d) of latents (n, d), all coordinates by their variance.

    1 - residual sum of squares / total about the mean.
    """
    centred = latents - latents.mean(axis=0)
    return float(1 - ((latents - predicted) ** 2).sum() / (centred**2).sum())


def affine_r2(code: FloatArray, latents: FloatArray) -> float:
    """Return R^2 of the least-squares affine map from the code (n, d') to the latents (n, d).

    All latent coordinates count by their variance: 1 - residual sum of squares / total.

    Raises:
        DataError: a code that is not finite or has other rows than the latents.
    """
    if len(code) != len(latents):
        raise DataError(
            f"code and latents must have the same rows, got {len(code)}, {len(latents)}"
        )
    if not np.isfinite(code).all():
        raise DataError("the code must be finite: the representation returned values that are not")
    centred = latents - latents.mean(axis=0)
    columns = code - code.mean(axis=0)
    scale = columns.std(axis=0)
    columns = columns / np.where(scale > 0, scale, 1.0)
    solution, *_ = np.linalg.lstsq(columns, centred, rcond=None)
    return float(1.0 - np.sum((centred - columns @ solution) ** 2) / np.sum(centred**2))
