"""When a replica stops, and which of its weights are kept."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

# Looks without progress before a replica stops.
PATIENCE = 8


class EarlyStopping:
    """The weights with the smallest loss so far on one replica's held-out rows.

    Args:
        judged: whether there are held-out rows. Without them the last finite weights are kept.
    """

    def __init__(self, judged: bool) -> None:
        self._judged = judged
        self._loss = math.inf
        self._stale = 0
        self.steps = 0
        self.weights: dict[str, Tensor] = {}
        self.diverged_at: int | None = None

    def look(self, loss: float, steps: int, copy_weights: Callable[[], dict[str, Tensor]]) -> bool:
        """Note the loss after so many steps; say whether the replica goes on."""
        if not math.isfinite(loss):
            self.diverged_at = steps
            return False
        if loss < self._loss or not self._judged:
            self._loss, self.steps, self.weights, self._stale = loss, steps, copy_weights(), 0
            return True
        self._stale += 1
        return self._stale < PATIENCE
