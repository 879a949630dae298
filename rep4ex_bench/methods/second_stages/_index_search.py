"""Directions of an additive index model, by variable projection.

    y ~ sum_j s_j(u_j' z) + t_j(u_j' v),   |u_j| = 1

For given directions the splines are one least-squares problem (`_smoothing.py`). Directions
move by Levenberg-Marquardt steps on what these splines leave: the derivative of the residual in u_j
is -(s_j'(u_j' z) z + t_j'(u_j' v) v), less what the splines would make up for themselves.
Sources: Golub and Pereyra 1973, Kaufman 1975 (variable projection); Friedman and Stuetzle 1981
(projection pursuit regression).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from rep4ex_bench.data import FloatArray
from rep4ex_bench.methods.second_stages._calibration import mean_basis, quadratic_basis
from rep4ex_bench.methods.second_stages._natural_spline import NaturalSplines
from rep4ex_bench.methods.second_stages._smoothing import (
    Smooth,
    Weights,
    curvature_weights,
    fit_smooth,
)

CANDIDATES = curvature_weights()
# Steps between two choices of the penalties' weights.
_STEPS_BETWEEN = 4
_TRIALS = 4
_RELATIVE_PROGRESS = 1e-6
_RIDGE = 1e-12


@dataclass(frozen=True)
class Rows:
    """Code z (n, d), residual v (n, d) and centred outcome (n,)."""

    code: FloatArray
    residual: FloatArray
    outcome: FloatArray

    def some(self, index: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Rows:
        """Return some of the rows, their outcome centred again."""
        outcome = self.outcome[index]
        return Rows(self.code[index], self.residual[index], outcome - outcome.mean())


class IndexFit:
    """The splines of given directions (d, q), columns of length 1."""

    def __init__(
        self, rows: Rows, directions: FloatArray, knots: int, candidates: tuple[Weights, ...]
    ) -> None:
        self.directions = directions
        self._rows, self._knots = rows, knots
        self._along = rows.code @ directions, rows.residual @ directions
        self.bases = tuple(NaturalSplines(along, knots) for along in self._along)
        blocks = [
            np.concatenate(list(basis.basis(along)), axis=1)
            for basis, along in zip(self.bases, self._along, strict=True)
        ]
        design = np.hstack(blocks)
        self._design = design - design.mean(axis=0)
        nu, psi = (block_diag(*basis.penalties) for basis in self.bases)
        nothing = np.zeros_like(nu)
        self._penalties = block_diag(nu, nothing), block_diag(nothing, psi)
        self.smooth = self._fit(candidates)

    def _fit(self, candidates: tuple[Weights, ...]) -> Smooth:
        return fit_smooth(self._design, self._rows.outcome, self._penalties, candidates)

    def choose_weights(self) -> None:
        """Choose the weights of the penalties again."""
        self.smooth = self._fit(CANDIDATES)

    def moved(self, directions: FloatArray) -> IndexFit:
        """Return the fit in other directions with the same weights."""
        unit = directions / np.linalg.norm(directions, axis=0)
        return IndexFit(self._rows, unit, self._knots, (self.smooth.weights,))

    def coefficients(self) -> FloatArray:
        """Return those of nu, then of psi: (2, q, K - 1)."""
        return self.smooth.coefficients.reshape(2, self.directions.shape[1], -1)

    def calibrated(self, weight: float) -> FloatArray:
        """Return coefficients as `coefficients` does, with the predictions calibrated.

        Args:
            weight: w of `_calibration.py`, at least 0.
        """
        rows, n = self._rows, len(self._rows.outcome)
        moments = quadratic_basis(rows.code - rows.residual)
        along_code, along_residual = self._along
        means = mean_basis(self.bases[0], along_code - along_residual, along_residual)
        predicted = moments.T @ np.hstack([*means, np.zeros((n, len(means) * means.shape[2]))])
        normal = self.smooth.normal + weight * predicted.T @ predicted / n
        seen = self._design.T @ rows.outcome + weight * predicted.T @ (moments.T @ rows.outcome)
        solved = np.linalg.solve(normal, seen / n)
        return np.asarray(solved.reshape(2, self.directions.shape[1], -1))

    def normal_equations(self) -> tuple[FloatArray, FloatArray]:
        """Return J'J/n (dq, dq) and J'r/n (dq,) of the derivative J in the directions."""
        columns = np.zeros((1, 1, 1))
        points = self._rows.code, self._rows.residual
        for basis, along, point, coefficients in zip(
            self.bases, self._along, points, self.coefficients(), strict=True
        ):
            slopes = basis.slopes(along, coefficients)
            columns = columns + slopes[:, :, None] * point[:, None, :]
        tangent = columns - np.einsum(
            "nqd,dq,eq->nqe", columns, self.directions, self.directions, optimize=True
        )
        jacobian = tangent.reshape(len(tangent), -1)
        jacobian = jacobian - jacobian.mean(axis=0)
        n, design = len(jacobian), self._design
        made_up_for = np.linalg.solve(self.smooth.normal, design.T @ jacobian / n)
        jacobian = jacobian - design @ made_up_for
        left = self._rows.outcome - design @ self.smooth.coefficients
        return jacobian.T @ jacobian / n, jacobian.T @ left / n


def improve(fit: IndexFit, steps: int) -> IndexFit:
    """Return the fit after at most so many steps of its directions, none of them uphill."""
    damping = 1e-3
    d, q = fit.directions.shape
    for step in range(steps if d > 1 else 0):
        hessian, gradient = fit.normal_equations()
        scale = np.trace(hessian) / len(hessian)
        for _ in range(_TRIALS):
            damped = hessian + (damping * scale + _RIDGE) * np.eye(d * q)
            move = np.linalg.solve(damped, gradient).reshape(q, d).T
            trial = fit.moved(fit.directions + move)
            if trial.smooth.score < fit.smooth.score:
                break
            damping = max(8 * damping, 1e-3)
        else:
            break
        progress = 1 - trial.smooth.score / fit.smooth.score
        fit, damping = trial, max(damping / 4, 1e-6)
        if step % _STEPS_BETWEEN == _STEPS_BETWEEN - 1:
            fit.choose_weights()
        if progress < _RELATIVE_PROGRESS:
            break
    fit.choose_weights()
    return fit
