"""A frame that no affine map of the code moves: whitening, then principal Hessian directions.

    w = S^-1/2 (z - mean)                      unique up to a rotation
    H = mean_i e_i w_i w_i'                    e the outcome's residual on [1, w]
    frame = w U,  H = U diag(h) U'             signs such that every coordinate correlates with Y

A code is identified up to an affine map only. In this frame every regressor, one that depends on
axes included, predicts the same for every code of the same affine class. Where two h are equal, as
for an outcome that is linear in the code, noise decides U, still the same for the whole class.
Source: Li 1992, "On principal Hessian directions", JASA 87.
"""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.numerics import Whitening


def in_canonical_frame(code: FloatArray, outcome: FloatArray) -> FloatArray:
    """Return the code (n, d) in its canonical frame, (n, r), r <= d; outcome (n,).

    Raises:
        DataError: a code that is constant or not finite.
    """
    white = Whitening.fit(code).apply(code)
    slopes = white.T @ outcome / len(outcome)
    residual = outcome - outcome.mean() - white @ slopes
    hessian = (white * residual[:, None]).T @ white / len(outcome)
    _, directions = np.linalg.eigh(hessian)
    signs = np.where(directions.T @ slopes < 0, -1.0, 1.0)
    return np.asarray(white @ (directions * signs))
