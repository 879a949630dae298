"""Features and penalty tables of the data sets of a stack, and how mini-batches are taken of them.

Replicas that train on the same data share one copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rep4ex_bench.methods.training.linear_code import linear_code
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.methods.training.penalty import Penalty
from rep4ex_bench.methods.training.replica import Replica


class DataSet:
    """What replicas on the same data share."""

    def __init__(self, replica: Replica, latent_dim: int) -> None:
        self.standardise = Standardise(replica.features)
        self.features = self.standardise(replica.features)
        self._latent_dim = latent_dim
        self._directions: dict[bool, Tensor] = {}

    def directions(self, start: Tensor | None) -> Tensor:
        """Return the linear code (m, d) that a replica starts from."""
        informed = start is not None
        if informed not in self._directions:
            self._directions[informed] = linear_code(self.features, start, self._latent_dim)
        return self._directions[informed]


def share_data_sets(replicas: Sequence[Replica], latent_dim: int) -> list[DataSet]:
    """Return the data set of each replica; the same tensors give the same object."""
    shared: dict[tuple[int, int], DataSet] = {}
    found = []
    for replica in replicas:
        key = id(replica.features), id(replica.source)
        if key not in shared:
            shared[key] = DataSet(replica, latent_dim)
        found.append(shared[key])
    return found


@dataclass(frozen=True)
class Batch:
    """Rows of B replicas: features (B, m, b), and table rows (P, b, c) of the penalised ones."""

    features: Tensor
    table: Tensor


class Tables:
    """Rows of the live replicas, of which the first P are penalised.

    Args:
        replicas: penalised ones first.
        data_sets: one for each replica.
        penalty: makes a table of each data set that a penalised replica trains on.
        device: where the tables are, and rows are gathered.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        data_sets: Sequence[DataSet],
        penalty: Penalty,
        device: torch.device,
    ) -> None:
        self._n = len(replicas[0].features)
        order: dict[DataSet, int] = {}
        for data_set in data_sets:  # penalised replicas come first, and so do their data sets
            order.setdefault(data_set, len(order))
        self._place = torch.tensor([order[data_set] for data_set in data_sets])
        self._penalised = sum(replica.weight > 0 for replica in replicas)
        sources = {
            data_set: replica.source
            for replica, data_set in zip(replicas, data_sets, strict=True)
            if replica.weight > 0
        }
        self._features = torch.cat([data_set.features for data_set in order]).to(device)
        tables = [penalty.table(source) for source in sources.values()]
        self._table = torch.cat(tables).to(device) if tables else self._features[:0]

    def keep(self, rows: list[int]) -> None:
        """Go on with these replicas only."""
        self._place = self._place[rows]
        self._penalised = sum(row < self._penalised for row in rows)

    def places(self, index: Tensor) -> Tensor:
        """Return where rows `index` (..., B, b) of each replica's own data lie in the tables.

        On the host, where rows are drawn.
        """
        return index + self._n * self._place[:, None]

    def batch(self, places: Tensor) -> Batch:
        """Return the rows at `places` (B, b)."""
        table = _take(self._table, places[: self._penalised])
        return Batch(self.features(places), table)

    def features(self, places: Tensor) -> Tensor:
        """Return the features (B, m, b) at `places` (B, b)."""
        return _take(self._features, places).mT.contiguous()


def _take(rows: Tensor, index: Tensor) -> Tensor:
    taken: Tensor = rows.index_select(0, index.flatten()).unflatten(0, tuple(index.shape))
    return taken
