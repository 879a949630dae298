"""What a formula takes at least: counts of work, from which `floor` makes seconds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Numbers of operations and of bytes."""

    exponentials: float = 0.0
    roots: float = 0.0
    operations: float = 0.0
    bytes: float = 0.0


def symmetric_pairs(n: int) -> float:
    """Pairs of n rows where the kernel is symmetric and a pair serves both sides."""
    return n * (n + 1) / 2


def is_chain(bandwidths: tuple[float, ...]) -> bool:
    """Whether every bandwidth is twice another, so that squaring replaces the exponential."""
    ordered = sorted(bandwidths)
    return all(b == 2 * a for a, b in itertools.pairwise(ordered))
