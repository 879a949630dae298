"""Linear invariance as a training loss that has no scale: the whitened unbiased MMR statistic.

    r = phi - W a - c on the batch,  w_i = S^-1/2 r_i with S = r' r / b
    loss = 1 / (b (b - 1)) sum_{i != j} <f_i, f_j> <w_i, w_j>,   |f_i| = 1

f are action features of the Gaussian kernel, residualised on [1, A] (Rep4Ex, arXiv 2310.04295,
Section 4, gives the plain statistic). Whitening keeps the penalty from shrinking the code instead
of straightening it; unit features make one weight mean the same for every action dimension.
Leaving out i = j removes what independent noise contributes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from rep4ex_bench.methods.training.penalty import Penalty
from rep4ex_kernels import InvariancePenalty

# Keeps the whitening defined while the code is still nearly degenerate.
_JITTER = 1e-4
# Keeps the projection defined where an action does not vary in a batch.
_RIDGE = 1e-6
# Directions of [1, A] below this share of the largest do not vary.
_RELATIVE_FLOOR = 1e-5
_MOST_FEATURES = 256


def feature_count(k: int) -> int:
    """Return the number of kernel features for k actions: 16, 32, 64, ..., at most 256.

    A function of k alone, so that tables of equal shapes can be stacked. At the median bandwidth
    what is left out is below 1e-5 of the kernel's trace for k <= 2 and below 2 % for k = 10.
    """
    return min(_MOST_FEATURES, 8 << k)


class InvarianceLoss(Penalty):
    """The statistic for mini-batches; its source are the training actions (n, k)."""

    def table(self, source: Tensor) -> Tensor:
        """Return kernel features, then a whitened basis of [1, A]: (n, features + k + 1)."""
        n, k = source.shape
        features = _features(source, feature_count(k))
        basis = source.new_zeros(n, k + 1)
        design = _whitened_design(source)
        basis[:, : design.shape[1]] = design
        return torch.cat([features, basis], dim=1)

    def __call__(self, code: Tensor, rows: Tensor) -> Tensor:
        """Return the losses (B,) of code (B, d, b)."""
        batch = residualised_batch(code, rows)
        return dependence_over_pairs(batch.white, batch.features)


@dataclass(frozen=True)
class ResidualisedBatch:
    """What statistics of a batch are made from.

    Attributes:
        white: whitened residual of the code on [1, A], (B, d, b).
        features: kernel features of the actions, residualised on [1, A], of length 1: (B, b, c).
        basis: orthogonal basis of [1, A], mean squares 1, the constant first: (B, k + 1, b).
    """

    white: Tensor
    features: Tensor
    basis: Tensor


def residualised_batch(code: Tensor, rows: Tensor) -> ResidualisedBatch:
    """Return the batch of code (B, d, b) and rows (B, b, c) of the table, without [1, A]."""
    count = code.shape[2]
    features, basis = features_and_basis(rows)
    features = torch.baddbmm(features, basis.mT, torch.bmm(basis, features), alpha=-1 / count)
    features = features / features.norm(dim=2, keepdim=True).clamp_min(1e-6)
    residual = residual_of(code, basis)
    covariance = torch.bmm(residual, residual.mT) / count
    scale = covariance.detach().diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None]
    identity = _identity(covariance.shape[-1], covariance.dtype, covariance.device)
    covariance = torch.addcmul(covariance, scale, identity, value=_JITTER)
    white = torch.linalg.solve_triangular(_factor(covariance), residual, upper=False)
    return ResidualisedBatch(white, features, basis)


def features_and_basis(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Split rows (B, b, c) of the table: features (B, b, f), orthogonal basis of [1, A] (B, q, b).

    The basis is orthogonal in this batch, with mean squares 1.
    """
    width = _split(rows.shape[2])
    features, design = rows[:, :, :width], rows[:, :, width:]
    gram = torch.bmm(design.mT, design) / rows.shape[1]
    identity = _identity(gram.shape[-1], gram.dtype, gram.device)
    gram = gram.add(identity, alpha=_RIDGE)
    return features, torch.linalg.solve_triangular(_factor(gram), design.mT, upper=False)


def residual_of(code: Tensor, basis: Tensor) -> Tensor:
    """Return the residual (B, d, b) of the code on the basis, by least squares in the batch."""
    scale = -1 / code.shape[2]
    residual: Tensor = torch.baddbmm(code, torch.bmm(code, basis.mT), basis, alpha=scale)
    return residual


def dependence_over_pairs(left: Tensor, right: Tensor) -> Tensor:
    """Return 1 / (b (b - 1)) sum_{i != j} <l_i, l_j> <r_i, r_j>, (B,).

    Args:
        left: features l, (B, p, b).
        right: features r, (B, b, c).
    """
    count = left.shape[2]
    joint = torch.bmm(left, right)
    own = (left.square().sum(dim=1) * right.square().sum(dim=2)).sum(dim=1)
    value: Tensor = (joint.square().sum(dim=(1, 2)) - own) / (count * (count - 1))
    return value


def _split(columns: int) -> int:
    """Return how many of a table's columns are kernel features."""
    k = 1
    while feature_count(k) + k + 1 != columns:
        k += 1
    return feature_count(k)


@functools.lru_cache(maxsize=64)
def _identity(q: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.eye(q, dtype=dtype, device=device)


def _factor(matrix: Tensor) -> Tensor:
    """Return Cholesky factors (B, q, q); NaN where a replica has diverged, which is no error."""
    factor: Tensor = torch.linalg.cholesky_ex(matrix).L
    return factor


def _features(actions: Tensor, count: int) -> Tensor:
    """Return the leading `count` residualised kernel features, zeros where there are fewer."""
    # twice as many pivots as features: pivoting alone is no principal components
    found = InvariancePenalty.fit(actions, max_rank=2 * count).features
    kept = found[:, -count:]  # ascending by eigenvalue
    features = actions.new_zeros(len(actions), count)
    features[:, : kept.shape[1]] = kept.flip(1).to(actions.dtype)
    return features


def _whitened_design(actions: Tensor) -> Tensor:
    """Return [1, A] in coordinates (n, r) with mean square 1 that do not correlate, r <= k + 1."""
    wide = actions.to(torch.float64)
    centred = wide - wide.mean(dim=0)
    scale = centred.square().mean(dim=0).sqrt()
    constant = scale <= 1e-6 * wide.abs().amax(dim=0)
    centred = torch.where(constant, 0.0, centred / scale)
    left, values, _ = torch.linalg.svd(centred, full_matrices=False)
    alive = left[:, values > _RELATIVE_FLOOR * values.max().clamp_min(1e-300)]
    ones = torch.ones_like(wide[:, :1])
    return torch.cat([ones, alive * len(wide) ** 0.5], dim=1).to(actions.dtype)
