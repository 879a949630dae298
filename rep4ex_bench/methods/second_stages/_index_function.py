"""Additive index functions nu(z) = weight sum_j s_j(u_j' z), s_j splines with linear tails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.interpolate import BSpline, CubicSpline

from rep4ex_bench.data import FloatArray
from rep4ex_bench.methods.second_stages._additive import FittedAdditive
from rep4ex_bench.saving.savable import Savable


@dataclass(frozen=True)
class LinearTailSpline(Savable):
    """One coordinate's spline; linear outside [low, high]."""

    spline: BSpline | CubicSpline
    low: float
    high: float

    def state(self) -> dict[str, Any]:
        """Return the pieces or the B-spline coefficients, and where the tails begin."""
        spline = self.spline
        held = {"low": self.low, "high": self.high}
        if isinstance(spline, CubicSpline):
            return {"breaks": spline.x, "pieces": spline.c, **held}
        return {"knots": spline.t, "coefficients": spline.c, "degree": spline.k, **held}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the spline of these pieces or coefficients."""
        ends = state["low"], state["high"]
        if "pieces" in state:
            return cls(CubicSpline.construct_fast(state["pieces"], state["breaks"]), *ends)
        return cls(BSpline(state["knots"], state["coefficients"], state["degree"]), *ends)

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
