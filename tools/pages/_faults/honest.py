"""What stands beside the faults: plain answers, and methods that only tell or wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from torch import Tensor

from rep4ex_bench import FittedMethod, Method, TrainingData
from rep4ex_bench.data import FloatArray


class Fixed(FittedMethod):
    """Predicts by a given function of the actions."""

    def __init__(self, values: Callable[[Tensor], FloatArray]) -> None:
        self._values = values

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return the function's values."""
        return self._values(actions)


class Zeros(FittedMethod):
    """Predicts 0, or what it is told to."""

    def __init__(self, value: float = 0.0, missing: int = 0) -> None:
        self._value, self._missing = value, missing

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return one value for each action but for those that are to be missing."""
        return np.full(len(actions) - self._missing, self._value)


class Memorising(Method):
    """Says in its prediction what it was given: the sum of its data."""

    name: ClassVar[str] = "memorising"

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Sum up."""
        total = float(train.actions.sum() + train.features.sum() + train.outcome.sum())
        return Zeros(total + seed % 1000)


class Waits(Method):
    """Waits.

    Args:
        how: "in turn": the first seeds wait longest; "long": all wait.
    """

    name: ClassVar[str] = "waits"

    def __init__(self, how: str = "long") -> None:
        self.how = how

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Wait."""
        if self.how == "in turn":
            # of the scenario of these tests, seed 0 alone has a negative sum
            time.sleep(4 if float(train.outcome.sum()) < 0 else 0.1)
        else:
            time.sleep(2)
        return Zeros()
