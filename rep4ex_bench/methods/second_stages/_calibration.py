"""Calibration inside the support: what is predicted under do(A = a) must be what was seen there.

    m(a) = mean_i nu(W a + c + v_i)      the prediction, linear in the coefficients b of nu
    b = argmin |y - B b|^2 / n + penalties + w |P (y - m(A) b)|^2 / n

P projects on quadratic polynomials of W a + c. A is exogenous, so E[Y | A] = E[Y | do(A)] there:
a moment that holds whatever is wrong with V_hat. Least squares alone weighs it by its small share
of the variance of Y, and fits nu to the errors of phi instead. Weighting what the exogenous
variables explain is the idea of anchor regression (Rothenhaeusler et al. 2021); the projected
quantity here is the prediction itself.
"""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.methods.second_stages._natural_spline import NaturalSplines

# Points at which the mean over residuals is computed; it is smooth, and interpolated between them.
_GRID = 64
_MOST_RESIDUALS = 2_000
_RELATIVE_FLOOR = 1e-8


def quadratic_basis(centres: FloatArray) -> FloatArray:
    """Return an orthonormal basis (n, r) of quadratic polynomials of centres (n, d), without 1."""
    first, second = np.triu_indices(centres.shape[1])
    columns = np.column_stack([centres, centres[:, first] * centres[:, second]])
    left, values, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, values > _RELATIVE_FLOOR * values[0]])


def mean_basis(splines: NaturalSplines, centres: FloatArray, residual: FloatArray) -> FloatArray:
    """Return mean_i basis_j(c + v_i), (q, n, K - 1); projected centres (n, q), residual (r, q)."""
    some = residual[:_MOST_RESIDUALS]
    grid = np.linspace(centres.min(axis=0), centres.max(axis=0), _GRID)
    shifted = (grid[:, None, :] + some[None, :, :]).reshape(-1, centres.shape[1])
    values = splines.basis(shifted).reshape(len(splines.knots), _GRID, len(some), -1).mean(axis=2)
    return np.stack(
        [
            np.column_stack([np.interp(x, points, column) for column in table.T])
            for x, points, table in zip(centres.T, grid.T, values, strict=True)
        ]
    )
