"""Centred normal equations in float64: what `residualize` and the projection of `mmr` share.

    minimise  sum_i w_i |phi_i - c - W' a_i|^2 + ridge |W|^2
    W = G^-1 A_c' w phi,   G = A_c' w A_c + ridge I,   c = mean(phi) - W' mean(a)

A_c are the actions less their weighted mean. Centring and float64 make the normal equations hold
where float32 QR does not (any offset, condition to 1e6); one step of iterative refinement brings
them to the accuracy of an orthogonal factorisation.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels.errors import RankDeficientWarning

# A column, scaled to length one, whose squared distance from the span of the columns before it is
# below this counts as dependent: distance 5e-7, a few rounding errors of float32.
_DEPENDENT = 2.5e-13
# Least eigenvalue of a Gram matrix of unit diagonal from which one whitening is as good as two: it
# loses the condition squared, 1e-16 / 1e-4.
_EASY = 1e-4
# Spread of a constant column after centring, in units of its mean: rounding of float64 only.
_CONSTANT = 1e-14


class NormalEquations(NamedTuple):
    """Everything of the least-squares problem that depends on the actions alone (float64)."""

    mean: Tensor  # (B, 1, k)
    centred: Tensor  # (B, n, k)
    weighted: Tensor  # (B, n, k): centred times the weights
    gram: Tensor  # (B, k, k), ridge included
    inverse: Tensor  # (B, k, k): of the Gram matrix; pseudo-inverse where it is singular


def normal_equations(
    actions: Tensor, ridge: float, weights: Tensor | None, warn: bool = True
) -> NormalEquations:
    """Centre, accumulate and invert.

    Args:
        actions: (B, n, k).
        ridge: at least 0.
        weights: (B, n), at least 0, or None for ones.
        warn: whether to warn of dependent columns.

    Raises:
        RankDeficientWarning: (a warning) columns are dependent; named in the message.
    """
    wide = actions.to(torch.float64)
    mean = weighted_mean(wide, weights)
    centred = wide - mean
    weighted = centred if weights is None else centred * weights.to(torch.float64)[..., None]
    gram = weighted.mT @ centred
    if ridge:
        gram = gram + ridge * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    total = actions.shape[1] if weights is None else weights.sum(-1, dtype=torch.float64)[:, None]
    floor = total * (_CONSTANT * mean[:, 0]).square()
    inverse, pivots = _inverse(gram, floor, warn)
    if warn:
        _warn_of_rounding(pivots, mean, gram, total, torch.finfo(actions.dtype).eps)
    return NormalEquations(mean, centred, weighted, gram, inverse)


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean over rows (B, 1, columns)."""
    if weights is None:
        return values.mean(1, keepdim=True)
    w = weights.to(values.dtype)[:, :, None]
    return (values * w).sum(1, keepdim=True) / w.sum(1, keepdim=True)


def solve(equations: NormalEquations, moments: Tensor) -> Tensor:
    """Return G^-1 moments (B, k, d), refined once."""
    first = equations.inverse @ moments
    return first + equations.inverse @ (moments - equations.gram @ first)


def _scaling(gram: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Return what scales the Gram matrix to unit diagonal (B, k), and which columns are constant.

    Constant columns keep the scale 1.
    """
    diagonal = gram.diagonal(dim1=-2, dim2=-1)
    constant = diagonal <= floor
    safe = torch.where(constant, 1.0, diagonal.clamp_min(torch.finfo(gram.dtype).tiny))
    return safe.rsqrt(), constant


def _inverse(gram: Tensor, floor: Tensor, warn: bool) -> tuple[Tensor, Tensor]:
    """Invert (B, k, k) after scaling to unit diagonal; pseudo-inverse where dependent.

    Returns the inverse and, for every column, the squared distance of the unit column from the
    span of the columns before it (1 where the pseudo-inverse was taken).
    """
    scale, constant = _scaling(gram, floor)
    outer = scale[:, :, None] * scale[:, None, :]
    scaled = torch.where(constant[:, :, None] | constant[:, None, :], 0.0, gram * outer)
    factor, info = torch.linalg.cholesky_ex(scaled)
    pivots = factor.diagonal(dim1=-2, dim2=-1).square()
    singular = (info > 0) | (pivots < _DEPENDENT).any(-1)
    if not bool(singular.any()):
        return torch.cholesky_inverse(factor) * outer, pivots
    if warn:
        _warn(scaled[singular])
    safe = torch.where(singular[:, None, None], torch.eye(len(gram[0])).to(gram), factor)
    inverse = torch.cholesky_inverse(safe) * outer
    inverse[singular] = _pseudo_inverse(scaled[singular], scale[singular])
    return inverse, torch.where(singular[:, None], 1.0, pivots)


def _pseudo_inverse(scaled: Tensor, scale: Tensor) -> Tensor:
    """Return the Moore-Penrose inverse of D^-1 scaled D^-1, D = diag(scale).

    The rank is decided on the scaled matrix. For a symmetric G with any symmetric generalised
    inverse G- and the projector P on its range, G+ = P G- P.
    """
    values, vectors = torch.linalg.eigh(scaled)
    kept = values > _DEPENDENT * values[:, -1:].clamp_min(1.0)
    reciprocal = torch.where(kept, values, 1.0).reciprocal() * kept
    general = scale[:, :, None] * ((vectors * reciprocal[:, None]) @ vectors.mT) * scale[:, None]
    result = torch.empty_like(general)
    for problem in range(len(general)):
        null = scale[problem][:, None] * vectors[problem][:, ~kept[problem]]
        basis = torch.linalg.qr(null).Q
        projector = torch.eye(len(null), dtype=null.dtype, device=null.device) - basis @ basis.mT
        result[problem] = projector @ general[problem] @ projector
    return result


def _warn(scaled: Tensor) -> None:
    """Name the columns that depend on the columns before them."""
    columns = sorted({column for gram in scaled[:8] for column in dependent_columns(gram)})
    where = "" if len(scaled) == 1 else f" (in {len(scaled)} problems of the batch)"
    warnings.warn(
        f"actions: columns {columns} are constant or linear combinations of the columns before "
        f"them{where}; the residual is right, the coefficients are those of minimum norm. "
        "Drop these columns or pass ridge > 0 to choose otherwise",
        RankDeficientWarning,
        stacklevel=2,
    )


def _warn_of_rounding(
    pivots: Tensor, mean: Tensor, gram: Tensor, total: Tensor | int, eps: float
) -> None:
    """Warn of columns that differ from a combination of others by their own rounding only.

    They are kept, so the residual is that of the data as given, but their coefficients are noise.
    """
    variance = gram.diagonal(dim1=-2, dim2=-1) / total
    rounding = (2 * eps) ** 2 * (1 + mean[:, 0].square() / variance)
    near = (pivots < rounding).any(0)
    if bool(near.any()):
        warnings.warn(
            f"actions: columns {near.nonzero().flatten().tolist()} are linear combinations of the "
            "columns before them up to the rounding of their dtype; their coefficients are noise. "
            "Drop these columns, subtract the mean before rounding, or pass ridge > 0",
            RankDeficientWarning,
            stacklevel=2,
        )


def dependent_columns(scaled: Tensor) -> list[int]:
    """Return the columns of a Gram matrix (k, k) of unit diagonal that depend on earlier ones."""
    kept: list[int] = []
    dependent: list[int] = []
    for column in range(len(scaled)):
        rest = scaled[column, column]
        if kept:
            cross = scaled[kept, column]
            rest = rest - cross @ torch.linalg.solve(scaled[kept][:, kept], cross)
        (kept if float(rest) >= _DEPENDENT else dependent).append(column)
    return dependent


def orthonormal_basis(actions: Tensor, warn: bool = True) -> Tensor:
    """Return Q (B, n, k + 1), float64: an orthonormal basis of the span of [1, actions].

    Dependent columns give columns of zeros.
    """
    wide = actions.to(torch.float64)
    mean = wide.mean(1, keepdim=True)
    basis = wide - mean
    floor = actions.shape[1] * (_CONSTANT * mean[:, 0]).square()
    gram = basis.mT @ basis
    scale, constant = _scaling(gram, floor)
    basis = basis * torch.where(constant, 0.0, scale)[:, None]
    basis, least = _whitened(basis)
    if not bool((least > _EASY).all()):
        # No pivot is below the least eigenvalue: only here can there be anything to warn of.
        if warn:
            _inverse(gram, floor, warn)
        basis, _ = _whitened(basis)  # restores what the first loses to the condition squared
    return torch.cat([torch.full_like(basis[:, :, :1], actions.shape[1] ** -0.5), basis], dim=2)


def _whitened(basis: Tensor) -> tuple[Tensor, Tensor]:
    """Return a basis of the span of the columns (B, n, k) and the least eigenvalue (B,) of theirs.

    Dependent columns give columns of zeros.
    """
    values, vectors = torch.linalg.eigh(basis.mT @ basis)
    kept = values > _DEPENDENT * values[:, -1:].clamp_min(1.0)
    scale = torch.where(kept, values, 1.0).rsqrt() * kept
    return basis @ (vectors * scale[:, None]), values[:, 0]
