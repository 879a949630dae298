"""Kernel regression with the cubic radial kernel: nu and psi bend least, additive in no axes.

    nu(z) = b'z + sum_k c_k |z - s_k|^3,   sum_k c_k = 0,  sum_k c_k s_k = 0;   psi likewise
    penalty = c' |s_k - s_l|^3 c           weights by GCV (`_smoothing.py`)

The constraints make both grow linearly far out. Rotations of the whitened code change nothing.
Centres s_k are random rows. Source: Duchon 1977; Wood 2003, "Thin plate regression splines".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import block_diag, null_space
from scipy.spatial.distance import cdist

from rep4ex_bench.data import FloatArray
from rep4ex_bench.methods.second_stages._additive import FittedAdditive
from rep4ex_bench.methods.second_stages._control_function import ControlFunctionStage
from rep4ex_bench.methods.second_stages._smoothing import curvature_weights, fit_smooth
from rep4ex_bench.seeding import numpy_generator

# The mean over residuals is taken over this many of them, the first: rows are in no order.
_MOST_RESIDUALS = 2_000


@dataclass(frozen=True)
class Surface(FittedAdditive):
    """The function z -> b'z + sum_k c_k |z - s_k|^3.

    Attributes:
        centres: s_k, (K, d).
        bend: coordinates of c that meet the constraints, (K, K - d - 1).
        coefficients: b, then the coordinates of c.
    """

    centres: FloatArray
    bend: FloatArray
    coefficients: FloatArray

    def nu(self, code: FloatArray) -> FloatArray:
        """Return nu, (n,), at code points (n, d)."""
        return np.asarray(basis(code, self.centres, self.bend) @ self.coefficients)

    def mean_nu_shifted(self, centres: FloatArray, residual: FloatArray) -> FloatArray:
        """Return (q,): mean over v_i of nu(centre + v_i), one centre at a time."""
        some = residual[:_MOST_RESIDUALS]
        return np.array([self.nu(centre + some).mean() for centre in centres])


def basis(points: FloatArray, centres: FloatArray, bend: FloatArray) -> FloatArray:
    """Return (n, K - 1): the coordinates of points (n, d), then the bent functions."""
    return np.column_stack([points, cdist(points, centres) ** 3 @ bend])


class ThinPlate(ControlFunctionStage):
    """Cubic radial kernel regression.

    Args:
        centres: number of centres K of each function, at most the number of rows.
    """

    name: ClassVar[str] = "thin_plate"

    def __init__(self, centres: int = 60) -> None:
        self.centres = centres

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_integer("centres", 2)

    def regress(
        self, code: FloatArray, residual: FloatArray, outcome: FloatArray, seed: int
    ) -> Surface:
        """Fit to code (n, d), residual (n, d) and outcome (n,)."""
        places = numpy_generator(seed, "centres").permutation(len(code))[: self.centres]
        designs, penalties, bends = [], [], []
        for points in (code, residual):
            centres = points[places]
            bend = null_space(np.column_stack([np.ones(len(centres)), centres]).T)
            bends.append(bend)
            designs.append(basis(points, centres, bend))
            curvature = bend.T @ cdist(centres, centres) ** 3 @ bend
            penalties.append(block_diag(np.zeros((points.shape[1],) * 2), curvature))
        design = np.hstack(designs)
        count = designs[0].shape[1]
        fit = fit_smooth(
            design - design.mean(axis=0),
            outcome - outcome.mean(),
            (
                block_diag(penalties[0], np.zeros_like(penalties[1])),
                block_diag(np.zeros_like(penalties[0]), penalties[1]),
            ),
            curvature_weights(),
        )
        return Surface(code[places], bends[0], fit.coefficients[:count])
