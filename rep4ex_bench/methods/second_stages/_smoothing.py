"""Least squares with curvature penalties whose weights generalised cross-validation chooses.

    b = argmin |y - B b|^2 / n + sum_g w_g b' P_g b
    GCV(w) = |y - B b|^2 / n / (1 - (df(w) + 1) / n)^2,   df = tr (B'B/n + sum_g w_g P_g)^-1 B'B/n

Source: Craven and Wahba 1979. The 1 is the constant, which centring took out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from rep4ex_bench.data import FloatArray

# Keeps coefficients defined that neither data nor penalty decide.
_RELATIVE_RIDGE = 1e-9

_OF_NU, _OF_PSI = np.logspace(-7, 1, 9), np.logspace(-6, 2, 5)

Weights = tuple[float, ...]


@dataclass(frozen=True)
class Smooth:
    """A penalised fit.

    Attributes:
        coefficients: b, (p,).
        normal: B'B/n plus penalties, (p, p).
        weights: w_g of the penalties.
        score: GCV.
    """

    coefficients: FloatArray
    normal: FloatArray
    weights: Weights
    score: float


def fit_smooth(
    design: FloatArray,
    outcome: FloatArray,
    penalties: tuple[FloatArray, ...],
    candidates: Iterable[Weights],
) -> Smooth:
    """Return the fit with the smallest GCV.

    Args:
        design: B, (n, p), centred columns.
        outcome: y, (n,), centred.
        penalties: P_g, (p, p) each.
        candidates: weights w to choose from, one for each penalty.
    """
    n, p = design.shape
    gram, cross = design.T @ design / n, design.T @ outcome / n
    ridge = _RELATIVE_RIDGE * np.trace(gram) / p * np.eye(p)
    fits = []
    for weights in candidates:
        normal = gram + ridge
        for weight, penalty in zip(weights, penalties, strict=True):
            normal = normal + weight * penalty
        solved = np.linalg.solve(normal, np.column_stack([cross, gram]))
        coefficients = solved[:, 0]
        freedom = min(float(np.trace(solved[:, 1:])) + 1, n - 1)
        error = outcome @ outcome / n - (2 * cross - gram @ coefficients) @ coefficients
        fits.append(Smooth(coefficients, normal, weights, float(error / (1 - freedom / n) ** 2)))
    return min(fits, key=lambda fit: fit.score)


def curvature_weights() -> tuple[Weights, ...]:
    """Return candidates for the weights of nu's and psi's curvature, for coordinates of variance 1.

    The smallest leave the fit free, with the largest it is linear.
    """
    return tuple((float(nu), float(psi)) for nu, psi in product(_OF_NU, _OF_PSI))
