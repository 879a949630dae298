"""Contract of what is added to an autoencoder's loss, weighted by lambda."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor


class Penalty(ABC):
    """A function of the code of a mini-batch and of a table made once for a data set.

    What the table is made from (the actions; for an oracle, the true latents) is the penalty's own
    affair. Replicas never mix.
    """

    @abstractmethod
    def table(self, source: Tensor) -> Tensor:
        """Return what the penalty needs of each observation, (n, c), from its source (n, ...).

        c depends on the shape of the source alone.
        """

    @abstractmethod
    def __call__(self, code: Tensor, rows: Tensor) -> Tensor:
        """Return the penalties (B,) of code (B, d, b) at rows (B, b, c) of the table."""
