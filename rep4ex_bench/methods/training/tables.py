"""Features, penalty tables and side information of a stack's data sets, and mini-batches of them.

Replicas that train on the same data share one copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rep4ex_bench.errors import DataError
from rep4ex_bench.methods.training.linear_code import linear_code
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.methods.training.penalty import Penalty
from rep4ex_bench.methods.training.replica import Replica
from rep4ex_bench.methods.training.side import Side, SideColumns


class DataSet:
    """What replicas on the same data share."""

    def __init__(self, replica: Replica, latent_dim: int, conditional: bool = False) -> None:
        self.side: SideColumns | None = None
        if conditional:
            self.side = SideColumns(_required(replica.actions), replica.environment)
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


def _required(actions: Tensor | None) -> Tensor:
    if actions is None:
        raise DataError("a conditional autoencoder needs the actions of its rows, got none")
    return actions


def share_data_sets(
    replicas: Sequence[Replica], latent_dim: int, conditional: bool = False
) -> list[DataSet]:
    """Return the data set of each replica; the same tensors give the same object."""
    shared: dict[tuple[int, int], DataSet] = {}
    found = []
    for replica in replicas:
        key = id(replica.features), id(replica.source)
        if key not in shared:
            shared[key] = DataSet(replica, latent_dim, conditional)
        found.append(shared[key])
    return found


@dataclass(frozen=True)
class Batch:
    """Rows of B replicas: features (B, m, b), and table rows (P, b, c) of the penalised ones.

    `side` is None unless the autoencoder is conditional.
    """

    features: Tensor
    table: Tensor
    side: Side | None = None


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
        self._side = next(iter(order)).side
        sides = [data_set.side.table for data_set in order if data_set.side is not None]
        self._side_table = torch.cat(sides).to(device) if sides else None

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
        return Batch(self.features(places), table, self.side(places))

    def features(self, places: Tensor) -> Tensor:
        """Return the features (B, m, b) at `places` (B, b)."""
        return _take(self._features, places).mT.contiguous()

    def side(self, places: Tensor) -> Side | None:
        """Return actions and environment at `places` (B, b) for conditional autoencoders."""
        if self._side is None or self._side_table is None:
            return None
        return self._side.side(_take(self._side_table, places))


def _take(rows: Tensor, index: Tensor) -> Tensor:
    taken: Tensor = rows.index_select(0, index.flatten()).unflatten(0, tuple(index.shape))
    return taken
