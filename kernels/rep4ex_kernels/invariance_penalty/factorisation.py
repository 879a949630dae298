"""Low-rank factor of the projected action kernel, with a certified error.

    K ~ L L' by pivoted Cholesky, F = P L, then P K P - F F' is positive semi-definite and its trace
    is at most tr(K - L L'), which the algorithm knows at every step.

For any representation, 0 <= |phi' (P K P - F F') phi|_1 <= tr(K - L L') sum_i |r_i|^2. (Harbrecht,
Peters and Schneider 2012, Applied Numerical Mathematics 62.)
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_FIRST_CAPACITY = 64
# Float64 cannot see a remaining diagonal below this.
_NEGLIGIBLE = 1e-15


class Factorisation(NamedTuple):
    """F and what it leaves out."""

    features: Tensor  # (n, rank) float64: F
    error: float  # tr(P K P - F F') / n, an upper bound
    complete: bool  # the tolerance was reached within the rank allowed


def factorise(scaled: Tensor, basis: Tensor, tolerance: float, max_rank: int) -> Factorisation:
    """Factorise P K P for scaled points.

    Args:
        scaled: (n, k), float64, K_ij = exp2(-|s_i - s_j|^2).
        basis: (n, k + 1), orthonormal basis of [1, A].
        tolerance: bound on tr(P K P - F F') as a part of tr(F F'), and on its n-th part.
        max_rank: give up beyond this.
    """
    n = len(scaled)
    cholesky = PivotedCholesky(scaled)
    target = tolerance / 2
    while True:
        cholesky.extend(target * n, max_rank)
        rows = cholesky.rows
        projected = torch.addmm(rows, rows @ basis, basis.T, alpha=-1)
        mass = float(torch.linalg.vector_norm(projected).square())
        left = cholesky.remaining
        # The projection takes the smooth directions away; of what it leaves, too, only a small
        # part may be missing. Half of the tolerance is kept for the compression.
        if left <= 0.5 * tolerance * min(mass, n) or cholesky.finished(max_rank):
            break
        target = 0.4 * tolerance * mass / n
    complete = left <= 0.5 * tolerance * min(mass, n)
    del cholesky, rows  # as large as the result
    features, dropped = _compress(projected, max(0.0, tolerance * min(mass, n) - left))
    return Factorisation(features, (left + dropped) / n, complete)


class PivotedCholesky:
    """Rows of L', one pivot at a time: always the point that is represented worst."""

    def __init__(self, scaled: Tensor) -> None:
        self._points = scaled
        self._left = torch.ones(len(scaled), dtype=torch.float64, device=scaled.device)
        self._rows = scaled.new_empty(min(_FIRST_CAPACITY, len(scaled)), len(scaled))
        self.rank = 0

    @property
    def rows(self) -> Tensor:
        """L' (rank, n)."""
        return self._rows[: self.rank]

    @property
    def remaining(self) -> float:
        """tr(K - L L'), with the rounding of float64 on top."""
        return float(self._left.sum()) + _NEGLIGIBLE * len(self._left)

    def finished(self, max_rank: int) -> bool:
        """Say whether no further pivot can be taken."""
        return self.rank >= min(max_rank, len(self._left)) or (
            float(self._left.max()) <= _NEGLIGIBLE
        )

    def extend(self, target: float, max_rank: int) -> None:
        """Take pivots until the remaining trace is at most `target`."""
        while self.remaining > target and not self.finished(max_rank):
            self._take()

    def _take(self) -> None:
        if self.rank == len(self._rows):
            room = min(2 * self.rank, len(self._left)) - self.rank
            self._rows = torch.cat([self._rows, self._rows.new_empty(room, len(self._left))])
        pivot = int(self._left.argmax())
        row = (self._points - self._points[pivot]).square_().sum(1).neg_().exp2_()
        if self.rank:
            row.addmv_(self.rows.T, self.rows[:, pivot], alpha=-1)
        row.div_(row[pivot].sqrt())
        self._rows[self.rank] = row
        self._left.addcmul_(row, row, value=-1).clamp_(min=0)
        self._left[pivot] = 0
        self.rank += 1


def _compress(rows: Tensor, budget: float) -> tuple[Tensor, float]:
    """Rotate F' (rank, n) to principal axes and drop those that fit in `budget` of its trace.

    Returns F (n, smaller rank) and the trace that was dropped.
    """
    values, vectors = torch.linalg.eigh(rows @ rows.T)
    kept = values.clamp_min(0).cumsum(0) > budget
    dropped = float(values.clamp_min(0)[~kept].sum())
    return (vectors[:, kept].T @ rows).T, dropped
