"""Contract: a `SecondStage` goes from a code phi(X) to E[Y | do(A = a*)].

Control functions, instrumental-variable estimators, moment methods and regressions that ignore
confounding all fit. Second stages live in `methods/second_stages/`, one a file; a third party's
live in its own package (entry-point group ``rep4ex_bench.second_stages``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from rep4ex_bench.component import Component
from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.saving.savable import Savable


class FittedSecondStage(Savable, ABC):
    """What `SecondStage.fit` returns; the answers are those of `FittedMethod`."""

    @abstractmethod
    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return estimates of E[Y | do(A = a*)], (q,), for checked actions (q, k)."""

    def predict(self, queries: QueryData) -> FloatArray:
        """Return estimates (q,) as `FittedMethod.predict`."""
        return self.predict_do(queries.actions)

    def predict_interval(self, actions: Tensor, level: float) -> FloatArray | None:
        """Return intervals (q, 2) as `FittedMethod.predict_interval`, or None."""
        return None

    def sample_outcome_do(self, actions: Tensor, n: int, seed: int) -> FloatArray | None:
        """Return draws (q, n) as `FittedMethod.sample_outcome_do`, or None."""
        return None

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """What the fit has to say about itself."""
        return {}


class SecondStage(Component, ABC):
    """Estimates E[Y | do(A = a*)] from a code, the actions and the outcome."""

    kind: ClassVar[str] = "second stage"

    @abstractmethod
    def fit(
        self, code: FloatArray, train: TrainingData, seed: int, device: torch.device
    ) -> FittedSecondStage:
        """Fit to the code of the training data.

        Args:
            code: phi(X), (n, d), finite.
            train: actions, outcome and what else was observed of the same units.
            seed: everything random derives from it.
            device: where to compute what is worth a device.

        Raises:
            DataError: a code or data that it cannot work with.
        """
