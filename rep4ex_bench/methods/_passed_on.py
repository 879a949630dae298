"""A fitted method that answers as another one does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from rep4ex_bench.data import FloatArray
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.query_data import QueryData


class PassedOn(FittedMethod):
    """Passes every question on.

    Args:
        fitted: who answers.
        diagnostics: what is said of the fit beside what `fitted` says.
    """

    def __init__(self, fitted: FittedMethod, diagnostics: Mapping[str, Any]) -> None:
        self.fitted = fitted
        self._diagnostics = dict(diagnostics)

    def state(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"fitted": self.fitted, "diagnostics": self._diagnostics}

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,)."""
        return self.fitted.predict_do(actions)

    def predict(self, queries: QueryData) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,), with what else is known of the units."""
        return self.fitted.predict(queries)

    def predict_interval(self, actions: Tensor, level: float) -> FloatArray | None:
        """Return intervals (q, 2), None where there are none."""
        return self.fitted.predict_interval(actions, level)

    def sample_outcome_do(self, actions: Tensor, n: int, seed: int) -> FloatArray | None:
        """Return draws of Y (q, n), None where there are none."""
        return self.fitted.sample_outcome_do(actions, n, seed)

    def sample_features_do(self, actions: Tensor, n: int, seed: int) -> FloatArray | None:
        """Return draws of X (q, n, m), None where there are none."""
        return self.fitted.sample_features_do(actions, n, seed)

    def represent(self, features: Tensor, actions: Tensor | None = None) -> FloatArray | None:
        """Return the code (n, d), None where there is none."""
        return self.fitted.represent(features, actions)

    def decode(self, code: Tensor) -> FloatArray | None:
        """Return the features (n, m) of codes (n, d), None where nothing decodes them."""
        return self.fitted.decode(code)

    def support_coverage(self, actions: Tensor) -> FloatArray | None:
        """Return how far actions are covered by the training data, (q,), or None."""
        return self.fitted.support_coverage(actions)

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Return what the other one says of its fit, and what was added."""
        return {**self.fitted.diagnostics, **self._diagnostics}
