"""`ols_on_actions`: ordinary least squares of the outcome on the actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from scipy import stats
from sklearn.linear_model import LinearRegression
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData, check_query_actions
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.numerics import resolve_device, to_float64
from rep4ex_bench.seeding import numpy_generator
from rep4ex_bench.threads import on_fit_threads


class FittedOLS(FittedMethod):
    """An affine function of the actions."""

    def __init__(
        self,
        regression: LinearRegression,
        inverse: FloatArray,
        residuals: FloatArray,
        freedom: int,
    ) -> None:
        """Take it with the inverse of D'D (1 + k, 1 + k), D = [1, A], and what D leaves."""
        self._regression = regression
        self._inverse, self._residuals, self._freedom = inverse, residuals, freedom
        self._k = len(inverse) - 1

    @classmethod
    def of(cls, actions: FloatArray, outcome: FloatArray) -> Self:
        """Fit to actions (n, k) and outcome (n,)."""
        regression = LinearRegression().fit(actions, outcome)
        design = _with_ones(actions)
        inverse = np.asarray(np.linalg.pinv(design.T @ design), dtype=np.float64)
        freedom = len(actions) - int(np.linalg.matrix_rank(design))
        return cls(regression, inverse, outcome - regression.predict(actions), freedom)

    def state(self) -> dict[str, Any]:
        """Return the coefficients and what the intervals need."""
        return {
            "coefficients": self._regression.coef_,
            "intercept": self._regression.intercept_,
            "inverse": self._inverse,
            "residuals": self._residuals,
            "freedom": self._freedom,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the regression with these coefficients."""
        regression = LinearRegression()
        regression.coef_, regression.intercept_ = state["coefficients"], state["intercept"]
        return cls(regression, *(state[name] for name in ("inverse", "residuals", "freedom")))

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,)."""
        query = check_query_actions(actions, self._k)
        prediction: FloatArray = self._regression.predict(to_float64(query))
        return prediction

    def predict_interval(self, actions: Tensor, level: float) -> FloatArray:
        """Return the textbook's intervals of the mean, (q, 2): right where the model is.

        That is: an affine outcome and noise of one variance, independent of the actions.
        """
        centre = self.predict_do(actions)
        design = _with_ones(to_float64(check_query_actions(actions, self._k)))
        leverage = np.einsum("qi,ij,qj->q", design, self._inverse, design)
        variance = (self._residuals**2).sum() / self._freedom
        half = stats.t.ppf((1 + level) / 2, self._freedom) * np.sqrt(variance * leverage)
        return np.column_stack([centre - half, centre + half])

    def sample_outcome_do(self, actions: Tensor, n: int, seed: int) -> FloatArray:
        """Return the prediction plus residuals of the training rows, (q, n)."""
        centre = self.predict_do(actions)
        rows = numpy_generator(seed, "residuals").integers(
            len(self._residuals), size=(len(centre), n)
        )
        return np.asarray(centre[:, None] + self._residuals[rows])


def _with_ones(actions: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(len(actions)), actions])


class OLSOnActions(Method):
    """Affine regression on the actions: the simplest rule that extrapolates at all."""

    name: ClassVar[str] = "ols_on_actions"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset()

    @on_fit_threads
    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedOLS:
        """Fit by least squares (deterministic; on the CPU)."""
        resolve_device(device)
        actions, outcome = to_float64(train.actions), to_float64(train.outcome)
        return FittedOLS.of(actions, outcome)
