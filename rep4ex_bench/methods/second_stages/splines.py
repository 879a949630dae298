"""Additive splines with linear tails, averaged over random rotations.

nu and psi are sums of cubic splines of the coordinates, with knots between the 5 % and 95 %
quantiles and linear tails beyond the last knot; the coefficients come from a ridge whose penalty
is chosen by leave-one-out cross-validation. A code is only identified up to an affine map, while
additive splines depend on the axes; so the fit is repeated in random rotations of the (whitened)
code and averaged.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.interpolate import BSpline
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import SplineTransformer

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.methods.second_stages._control_function import (
    ControlFunction,
    ControlFunctionStage,
    fit_control_function,
)
from rep4ex_bench.methods.second_stages._index_function import IndexFunction, LinearTailSpline
from rep4ex_bench.seeding import numpy_generator

_DEGREE = 3
_PENALTIES = np.logspace(-3, 3, 13)


class Splines(ControlFunctionStage):
    """Additive splines.

    Args:
        knots: number of knots of each coordinate.
        rotations: random rotations to average over; 1 means the axes of the whitened code. In one
            dimension there is nothing to rotate.
    """

    name: ClassVar[str] = "splines"

    def __init__(self, knots: int = 8, rotations: int = 6) -> None:
        self.knots = knots
        self.rotations = rotations

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        self.require_integer("knots", 2)
        self.require_integer("rotations", 1)

    def fit_in_axes(self, code: FloatArray, train: TrainingData, seed: int) -> ControlFunction:
        """Fit it in the axes that the code has, not rotated."""
        return fit_control_function(code, train, Splines(self.knots, 1), seed, keep_axes=True)

    def regress(
        self, code: FloatArray, residual: FloatArray, outcome: FloatArray, seed: int
    ) -> IndexFunction:
        """Fit to code (n, d), residual (n, d) and outcome (n,)."""
        d = code.shape[1]
        rng = numpy_generator(seed, "rotations")
        rotations = [np.eye(d)]
        if d > 1 and self.rotations > 1:
            rotations = [_random_rotation(d, rng) for _ in range(self.rotations)]
        splines = [
            spline
            for turn in rotations
            for spline in self._fit_axes(code @ turn, residual @ turn, outcome)
        ]
        return IndexFunction(np.hstack(rotations), splines, 1 / len(rotations))

    def _fit_axes(
        self, code: FloatArray, residual: FloatArray, outcome: FloatArray
    ) -> list[LinearTailSpline]:
        d = code.shape[1]
        bases = []
        for block in (code, residual):
            knots = np.quantile(block, np.linspace(0.05, 0.95, self.knots), axis=0)
            bases.append(SplineTransformer(degree=_DEGREE, knots=knots, extrapolation="linear"))
        design = np.column_stack(
            [
                basis.fit_transform(block)
                for basis, block in zip(bases, (code, residual), strict=True)
            ]
        )
        ridge = RidgeCV(alphas=_PENALTIES).fit(design, outcome)
        width = self.knots + _DEGREE - 1
        coefficients = ridge.coef_[: d * width].reshape(d, width)
        return [
            _combine(spline, coefficient)
            for spline, coefficient in zip(bases[0].bsplines_, coefficients, strict=True)
        ]


def _combine(basis: BSpline, coefficients: FloatArray) -> LinearTailSpline:
    """Collapse a basis with coefficients into one spline, so that it can be evaluated fast."""
    knots, degree = basis.t, basis.k
    return LinearTailSpline(
        BSpline(knots, coefficients, degree),
        float(knots[degree]),
        float(knots[-degree - 1]),
    )


def _random_rotation(d: int, rng: np.random.Generator) -> FloatArray:
    """Return a Haar-distributed orthogonal matrix (d, d)."""
    q, r = np.linalg.qr(rng.standard_normal((d, d)))
    return np.asarray(q * np.sign(np.diag(r)))
