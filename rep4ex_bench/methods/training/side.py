"""What a conditional autoencoder is shown of each row beside its features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rep4ex_bench.methods.training.networks import Standardise


@dataclass(frozen=True)
class Side:
    """Actions and environment of the rows of B replicas.

    Attributes:
        actions: standardised, (B, k, b).
        environment: number of the environment, int64 (B, b); None where the data have none.
    """

    actions: Tensor
    environment: Tensor | None

    def keep(self, replicas: list[int]) -> Side:
        """Return it for these replicas only."""
        environment = None if self.environment is None else self.environment[replicas]
        return Side(self.actions[replicas], environment)


class SideColumns:
    """Actions and environment of a data set as columns of one table."""

    def __init__(self, actions: Tensor, environment: Tensor | None) -> None:
        self.standardise = Standardise(actions)
        columns = [self.standardise(actions)]
        if environment is not None:  # whole numbers, exact in float32
            columns.append(environment.to(torch.float32)[:, None])
        self.table = torch.cat(columns, dim=1)
        self._k = actions.shape[1]

    def side(self, rows: Tensor) -> Side:
        """Return what rows (B, b, c) of tables such as this one hold."""
        columns = rows.mT
        actions = columns[:, : self._k].contiguous()
        more = columns.shape[1] > self._k
        return Side(actions, columns[:, self._k].to(torch.int64) if more else None)
