"""Additive index model with learnt directions: nu and psi are sums of splines of projections.

    nu(z) = sum_j s_j(u_j' z),   psi(v) = sum_j t_j(u_j' v)

Unlike sums of splines of the coordinates, the family is closed under affine maps of the code, and
unlike a mean over rotations it holds every function that is additive in some axes. Splines have
linear tails and curvature penalties, one weight for nu and one for psi; directions are searched
from several random starts (`_index_search.py`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.methods.second_stages._control_function import ControlFunctionStage
from rep4ex_bench.methods.second_stages._index_function import IndexFunction
from rep4ex_bench.methods.second_stages._index_search import CANDIDATES, IndexFit, Rows, improve
from rep4ex_bench.seeding import numpy_generator

# Starts are compared on a part of the rows, after a few steps.
_SEARCH_ROWS = 3_000
_SEARCH_STEPS = 8
_STEPS = 15


class IndexSplines(ControlFunctionStage):
    """Additive index splines.

    Args:
        indices: number of directions; None takes two more than the code has dimensions: spare
            ones for what is additive in no axes (`docs/ablations.md`).
        knots: number of knots of each spline.
        starts: random sets of directions that the search starts from.
        calibration: weight of what was seen of E[Y | do(A)] inside the support, at least 0
            (`_calibration.py`); 0 is least squares alone.
    """

    name: ClassVar[str] = "index_splines"

    def __init__(
        self,
        indices: int | None = None,
        knots: int = 6,
        starts: int = 6,
        calibration: float = 5.0,
    ) -> None:
        self.indices = indices
        self.knots = knots
        self.starts = starts
        self.calibration = calibration

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        if self.indices is not None:
            self.require_integer("indices", 1)
        self.require_integer("knots", 3)
        self.require_integer("starts", 1)
        self.require_number("calibration", 0.0)

    def regress(
        self, code: FloatArray, residual: FloatArray, outcome: FloatArray, seed: int
    ) -> IndexFunction:
        """Fit to code (n, d), residual (n, d) and outcome (n,)."""
        n, d = code.shape
        rows = Rows(code, residual, outcome - outcome.mean())
        directions = np.ones((1, 1))
        if d > 1:
            rng = numpy_generator(seed, "directions")
            part = rows.some(rng.permutation(n)[:_SEARCH_ROWS])
            count = d + 2 if self.indices is None else self.indices
            found = [
                improve(self._start(part, _unit_columns(rng, d, count)), _SEARCH_STEPS)
                for _ in range(self.starts)
            ]
            directions = min(found, key=lambda fit: fit.smooth.score).directions
        best = improve(self._start(rows, directions), _STEPS)
        return IndexFunction(
            best.directions, best.bases[0].splines(best.calibrated(self.calibration)[0])
        )

    def _start(self, rows: Rows, directions: FloatArray) -> IndexFit:
        return IndexFit(rows, directions, self.knots, CANDIDATES)


def _unit_columns(rng: np.random.Generator, d: int, count: int) -> FloatArray:
    columns = rng.standard_normal((d, count))
    return np.asarray(columns / np.linalg.norm(columns, axis=0))
