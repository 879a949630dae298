"""`constant_mean`: the training mean of the outcome, everywhere. The negative control."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData, check_query_actions
from rep4ex_bench.method import FittedMethod, Method, Role
from rep4ex_bench.numerics import resolve_device, to_float64
from rep4ex_bench.threads import on_fit_threads


class FittedConstant(FittedMethod):
    """A constant."""

    def __init__(self, value: float, k: int) -> None:
        self._value = value
        self._k = k

    def state(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"value": self._value, "k": self._k}

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return the constant, (q,)."""
        return np.full(len(check_query_actions(actions, self._k)), self._value)


class ConstantMean(Method):
    """The mean of Y: a method that does not beat it has learnt nothing that extrapolates."""

    name: ClassVar[str] = "constant_mean"
    version: ClassVar[int] = 1
    role: ClassVar[Role] = "control"
    needs: ClassVar[frozenset[str]] = frozenset()

    @on_fit_threads
    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedConstant:
        """Take the mean."""
        resolve_device(device)
        return FittedConstant(float(to_float64(train.outcome).mean()), train.k)
