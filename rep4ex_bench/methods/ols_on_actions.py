"""`ols_on_actions`: ordinary least squares of the outcome on the actions."""

from __future__ import annotations

from typing import ClassVar

from sklearn.linear_model import LinearRegression
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData, check_query_actions
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.numerics import resolve_device, to_float64


class FittedOLS(FittedMethod):
    """An affine function of the actions."""

    def __init__(self, regression: LinearRegression, k: int) -> None:
        self._regression = regression
        self._k = k

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,)."""
        query = check_query_actions(actions, self._k)
        prediction: FloatArray = self._regression.predict(to_float64(query))
        return prediction


class OLSOnActions(Method):
    """Affine regression on the actions: the simplest rule that extrapolates at all."""

    name: ClassVar[str] = "ols_on_actions"
    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset()

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedOLS:
        """Fit by least squares (deterministic; on the CPU)."""
        resolve_device(device)
        regression = LinearRegression().fit(to_float64(train.actions), to_float64(train.outcome))
        return FittedOLS(regression, train.k)
