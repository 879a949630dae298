"""Additive index functions nu(z) = weight sum_j s_j(u_j' z), s_j splines with linear tails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline, CubicSpline

from rep4ex_bench.data import FloatArray
from rep4ex_bench.methods.second_stages._additive import FittedAdditive


@dataclass(frozen=True)
class LinearTailSpline:
    """One coordinate's spline; linear outside [low, high]."""

    spline: BSpline | CubicSpline
    low: float
    high: float

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the spline at x, any shape."""
        inside = np.clip(x, self.low, self.high)
        slopes = self.spline.derivative()
        beyond = x - inside
        tails = np.where(beyond < 0, slopes(self.low), slopes(self.high)) * beyond
        return np.asarray(self.spline(inside) + tails)


@dataclass(frozen=True)
class IndexFunction(FittedAdditive):
    """The function nu.

    Attributes:
        directions: u_j as columns, (d, J).
        splines: s_j, J of them.
        weight: one over the number of sums of splines that it averages.
    """

    directions: FloatArray
    splines: list[LinearTailSpline]
    weight: float = 1.0

    def nu(self, code: FloatArray) -> FloatArray:
        """Return nu, (n,), at code points (n, d)."""
        return self.mean_nu_shifted(code, np.zeros((1, code.shape[1])))

    def mean_nu_shifted(self, centres: FloatArray, residual: FloatArray) -> FloatArray:
        """Return (q,): mean over v_i of nu(centre + v_i), one direction at a time."""
        total = np.zeros(len(centres))
        along_centres, along_residual = centres @ self.directions, residual @ self.directions
        for place, spline in enumerate(self.splines):
            shifted = along_centres[:, place, None] + along_residual[None, :, place]
            total += spline(shifted).mean(axis=1)
        return self.weight * total
