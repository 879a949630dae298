"""What every method with a second stage answers: the second stage's answers, to checked actions."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from rep4ex_bench.data import FloatArray, check_query_actions
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.second_stage import FittedSecondStage


class AnsweredByStage(FittedMethod):
    """A fitted second stage, whatever its code was made from."""

    def __init__(self, stage: FittedSecondStage, k: int) -> None:
        self._stage = stage
        self._k = k

    def state(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"stage": self._stage, "k": self._k}

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,)."""
        return self._stage.predict_do(check_query_actions(actions, self._k))

    def predict(self, queries: QueryData) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,), with what else is known of the units."""
        check_query_actions(queries.actions, self._k)
        return self._stage.predict(queries)

    def predict_interval(self, actions: Tensor, level: float) -> FloatArray | None:
        """Return the second stage's intervals (q, 2), None where it has none."""
        return self._stage.predict_interval(check_query_actions(actions, self._k), level)

    def sample_outcome_do(self, actions: Tensor, n: int, seed: int) -> FloatArray | None:
        """Return the second stage's draws of Y (q, n), None where it has none."""
        return self._stage.sample_outcome_do(check_query_actions(actions, self._k), n, seed)
