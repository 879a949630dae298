"""A method that fits several cells at once, and whose groups do one bad thing."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from _faults.honest import Fixed
from rep4ex_bench import FittedMethod, Method, TrainingData


class Grouping(Method):
    """Fits four at once; its groups do one bad thing, and so does one fit.

    Args:
        group: what a group of several does: "works", "raises", "exits", "hangs" or "lacks" results.
        marker: sum of the outcome of the training data whose fit exits.
    """

    name: ClassVar[str] = "grouping"

    def __init__(self, group: str = "works", marker: str = "") -> None:
        self.group = group
        self.marker = marker

    @property
    def group_size(self) -> int:
        """Four."""
        return 4

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Fit one, or leave without a word."""
        if self.marker and float(train.outcome.sum()) == float(self.marker):
            os._exit(3)
        mean = float(train.outcome.mean())
        return Fixed(lambda a: mean + a.numpy().sum(axis=1).astype(np.float64))

    def fit_many(
        self, trains: Sequence[TrainingData], seeds: Sequence[int], device: str = "auto"
    ) -> list[FittedMethod | Exception]:
        """Fit each, if there is one only; otherwise do what groups are to do."""
        if len(trains) > 1 and self.group == "raises":
            raise MemoryError("no room for all of you")
        if len(trains) > 1 and self.group == "exits":
            os._exit(4)
        if len(trains) > 1 and self.group == "hangs":
            time.sleep(600)
        found = super().fit_many(trains, seeds, device)
        return found[:-1] if len(trains) > 1 and self.group == "lacks" else found
