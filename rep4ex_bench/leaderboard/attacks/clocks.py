"""Methods that do more work than their seconds show."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.method import FittedMethod, Method

WORK_SECONDS = 0.3


def work() -> None:
    """Take `WORK_SECONDS` at least."""
    time.sleep(WORK_SECONDS)


class Zero(FittedMethod):
    """Predicts 0."""

    def predict_do(self, actions: Tensor) -> FloatArray:
        """Return zeros."""
        return np.zeros(len(actions))


class TimerPatcher(Method):
    """Stops the clock of its process while it works."""

    name: ClassVar[str] = "timer_patcher"

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Work with every clock stopped."""
        for clock in ("perf_counter", "monotonic", "time", "process_time"):
            now = getattr(time, clock)()
            setattr(time, clock, lambda now=now: now)
        work()
        return Zero()


class LazyFit(Method):
    """Leaves the work to the prediction, and the prediction to whoever reads the numbers."""

    name: ClassVar[str] = "lazy_fit"

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Do nothing yet."""
        return _LazyPrediction()


class _LazyPrediction(FittedMethod):
    def predict_do(self, actions: Tensor) -> FloatArray:
        return cast(FloatArray, _LazyArray(len(actions)))


class _LazyArray:
    """Computes when it is made an array."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> FloatArray:
        work()
        return np.zeros(self._size)


class Cacher(Method):
    """Works once for a set of training data and remembers that it did, in memory and in files.

    Args:
        tag: makes two cells of the same work.
    """

    name: ClassVar[str] = "cacher"
    _remembered: ClassVar[set[str]] = set()

    def __init__(self, tag: int = 0) -> None:
        self.tag = tag

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Work, unless this was done in an earlier cell."""
        digest = train.content_hash()
        files = [Path(place) / f".cacher-{digest[:16]}" for place in _places()]
        if digest not in Cacher._remembered and not any(file.exists() for file in files):
            work()
        Cacher._remembered.add(digest)
        for file in files:
            file.write_text(json.dumps("done"))
        return Zero()


def _places() -> list[str]:
    return [os.getcwd(), os.path.expanduser("~"), tempfile.gettempdir()]
