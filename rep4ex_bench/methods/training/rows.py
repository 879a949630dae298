"""Which rows a replica trains on: held out once, then batches for ever; all from its own seed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rep4ex_bench.seeding import torch_generator

BATCH = 256
# Rows come in multiples of 16 floats, a cache line: then the matrices of every replica in a stack
# start on one, and the matrix library computes them alike whatever their place.
ALIGNMENT = 16
_MOST_HELD_OUT = 1_024
_HELD_OUT_SHARE = 10


def held_out_count(n: int) -> int:
    """Return how many of n rows are held out: a tenth, at most 1024, none where below 16."""
    return _aligned(min(_MOST_HELD_OUT, n // _HELD_OUT_SHARE))


class Rows:
    """Held-out rows and batches of n observations, and noise for autoencoders that need it."""

    def __init__(self, n: int, seed: int) -> None:
        count = held_out_count(n)
        order = torch.randperm(n, generator=torch_generator(seed, "held out"))
        self.held_out, trained_on = order[:count], order[count:]
        self._batches = _batches(trained_on, torch_generator(seed, "batches"))
        self._noise = torch_generator(seed, "noise")

    def batch(self) -> Tensor:
        """Return the rows (b,) of the next step."""
        return next(self._batches)

    def noise(self, d: int, count: int) -> Tensor:
        """Return standard normal noise (d, count)."""
        return torch.randn(d, count, generator=self._noise)


def _batches(rows: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield batches for ever: each pass is a fresh permutation, cut into full batches.

    What does not fill a batch is dropped; fewer than 16 rows are repeated to fill one.
    """
    size = min(BATCH, _aligned(len(rows))) or ALIGNMENT
    while True:
        order = rows[torch.randperm(len(rows), generator=generator)]
        if len(order) < size:
            order = order.repeat(-(-size // len(order)))
        yield from order[: len(order) // size * size].split(size)


def _aligned(count: int) -> int:
    return count // ALIGNMENT * ALIGNMENT
