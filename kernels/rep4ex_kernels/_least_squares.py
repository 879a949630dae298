"""Centred normal equations in float64: what `residualize` and the projection of `mmr` share.

    minimise  sum_i w_i |phi_i - c - W' a_i|^2 + ridge |W|^2
    W = G^-1 A_c' w phi,   G = A_c' w A_c + ridge I,   c = mean(phi) - W' mean(a)

A_c are the actions less their weighted mean. Centring and float64 make the normal equations hold
where float32 QR does not (any offset, condition to 1e6); one step of iterative refinement brings
them to the accuracy of an orthogonal factorisation.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels.errors import RankDeficientWarning

# A column, scaled to length one, whose squared distance from the span of the columns before it is
# below this counts as dependent: distance 5e-7, a few rounding errors of float32.
DEPENDENT = 2.5e-13
# Least eigenvalue of a Gram matrix of unit diagonal from which one whitening is as good as two: it
# loses the condition squared, 1e-16 / 1e-4.
EASY = 1e-4
# Spread of a constant column after centring, in units of its mean: rounding of float64 only.
CONSTANT = 1e-14


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
    floor = total * (CONSTANT * mean[:, 0]).square()
    inverse, pivots = _inverse(gram, floor, warn)
    if warn and may_ask(gram):
        warn_of_rounding(within_rounding(pivots, mean, gram, total, torch.finfo(actions.dtype).eps))
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


def unit_diagonal(gram: Tensor, floor: Tensor) -> tuple[Tensor, Tensor]:
    """Return scales (B, k) and the Gram matrix (B, k, k) scaled by them to a diagonal of ones.

    Columns whose square is at most the floor (B, k) are constant: scale 1, rows and columns zero.
    """
    scale, constant = _scaling(gram, floor)
    outer = scale[:, :, None] * scale[:, None, :]
    return scale, torch.where(constant[:, :, None] | constant[:, None, :], 0.0, gram * outer)


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
    scale, scaled = unit_diagonal(gram, floor)
    outer = scale[:, :, None] * scale[:, None, :]
    if on_gpu(gram):
        factor, kept = masked_cholesky(scaled)
        half = _inverse_factor(factor, kept)
        singular, inverse = ~kept.all(-1), half.mT @ half * outer
    else:
        factor, info = torch.linalg.cholesky_ex(scaled)
        pivots = factor.diagonal(dim1=-2, dim2=-1).square()
        singular = (info > 0) | (pivots < DEPENDENT).any(-1)
        if not bool(singular.any()):
            return torch.cholesky_inverse(factor) * outer, pivots
        factor, kept = masked_cholesky(scaled)
        half = _inverse_factor(factor, kept)
        inverse = half.mT @ half * outer
    pivots = torch.where(singular[:, None], 1.0, factor.diagonal(dim1=-2, dim2=-1).square())
    asks = may_ask(gram)
    if asks and not bool(singular.any()):
        return inverse, pivots
    if asks and warn:
        warn_of_dependence(scaled[singular])
    # For a symmetric G with any symmetric generalised inverse G- and the projector P on its range,
    # the Moore-Penrose inverse is P G- P.
    projector = row_space(factor, kept, scale)
    least = projector @ inverse @ projector
    return torch.where(singular[:, None, None], least, inverse), pivots


def may_ask(tensor: Tensor) -> bool:
    """Say whether the values of a tensor may be looked at: not while a CUDA graph is captured."""
    return not (on_gpu(tensor) and torch.cuda.is_current_stream_capturing())


def on_gpu(tensor: Tensor) -> bool:
    """Say whether looking at values waits for a device."""
    return bool(tensor.is_cuda)


def masked_cholesky(scaled: Tensor) -> tuple[Tensor, Tensor]:
    """Return the factor L (B, k, k) of Gram matrices and which columns are kept (B, k).

    The matrices have a diagonal of ones, or zeros for constant columns. A column that depends on
    the columns before it is left out: its column of L is zero. Asks the device nothing.
    """
    k = scaled.shape[-1]
    place = torch.arange(k, device=scaled.device)
    columns, kept = [], []
    for j in range(k):
        pivot = scaled[:, j, j]
        keep = pivot >= DEPENDENT
        column = scaled[:, :, j] * torch.where(keep, pivot, 1.0).rsqrt()[:, None]
        column = torch.where(keep[:, None] & (place >= j), column, 0.0)
        scaled = scaled - column[:, :, None] * column[:, None, :]
        columns.append(column)
        kept.append(keep)
    return torch.stack(columns, -1), torch.stack(kept, -1)


def _inverse_factor(factor: Tensor, kept: Tensor) -> Tensor:
    """Return the inverse of the kept rows and columns of the factor; zero for the others."""
    real = kept.to(factor.dtype)
    square = factor * real[:, :, None] + torch.diag_embed(1 - real)
    one = torch.eye(factor.shape[-1], dtype=factor.dtype, device=factor.device)
    half: Tensor = torch.linalg.solve_triangular(square, one.expand_as(square), upper=False)
    return half * (real[:, :, None] * real[:, None, :])


def row_space(factor: Tensor, kept: Tensor, scale: Tensor) -> Tensor:
    """Return the projector (B, k, k) on the range of D^-1 L L' D^-1, D = diag(scale).

    One less the projector on the null space, of which every column left out gives one vector, and
    these are orthonormalised one after the other. Asks the device nothing.
    """
    real = kept.to(factor.dtype)
    left_out = (1 - real)[:, :, None]
    dependence = _inverse_factor(factor, kept).mT @ (factor * left_out).mT
    null = scale[:, :, None] * (torch.diag_embed(1 - real) - dependence)
    null = null / torch.where(kept, 1.0, null.square().sum(1).sqrt())[:, None]
    basis = torch.zeros_like(null)
    for j in range(null.shape[-1]):
        column = null[:, :, j : j + 1]
        for _ in range(2):  # twice is enough
            column = column - basis @ (basis.mT @ column)
        length = torch.where(kept[:, j, None, None], 1.0, column.square().sum(1, keepdim=True))
        basis = basis + _place(column * length.rsqrt(), j)
    one = torch.eye(null.shape[-1], dtype=null.dtype, device=null.device)
    return one - basis @ basis.mT


def _place(column: Tensor, j: int) -> Tensor:
    """Return (B, k, k) that is zero but for column j."""
    placed: Tensor = torch.nn.functional.pad(column, (j, column.shape[1] - 1 - j))
    return placed


def warn_of_dependence(scaled: Tensor) -> None:
    """Name the columns of Gram matrices (B, k, k) of unit diagonal that depend on earlier ones."""
    columns = sorted({column for gram in scaled[:8] for column in dependent_columns(gram)})
    where = "" if len(scaled) == 1 else f" (in {len(scaled)} problems of the batch)"
    warnings.warn(
        f"actions: columns {columns} are constant or linear combinations of the columns before "
        f"them{where}; the residual is right, the coefficients are those of minimum norm. "
        "Drop these columns or pass ridge > 0 to choose otherwise",
        RankDeficientWarning,
        stacklevel=2,
    )


def within_rounding(
    pivots: Tensor, mean: Tensor, gram: Tensor, total: Tensor | int, eps: float
) -> Tensor:
    """Return which columns (B, k) differ from a combination of others by their own rounding only.

    They are kept, so the residual is that of the data as given, but their coefficients are noise.
    """
    variance = gram.diagonal(dim1=-2, dim2=-1) / total
    near: Tensor = pivots < rounding_distance(mean[:, 0].square() / variance, eps)
    return near


def rounding_distance(relative_mean: Any, eps: float) -> Any:
    """Return the squared distance of a unit column, centred, that its rounding alone makes.

    relative_mean is its squared mean over its variance: a tensor or an array.
    """
    return (2 * eps) ** 2 * (1 + relative_mean)


def warn_of_rounding(near: Tensor) -> None:
    """Name the columns that `within_rounding` found, if there are any."""
    columns = near.any(0).nonzero().flatten().tolist()
    if columns:
        warnings.warn(
            f"actions: columns {columns} are linear combinations of the columns before them up to "
            "the rounding of their dtype; their coefficients are noise. Drop these columns, "
            "subtract the mean before rounding, or pass ridge > 0",
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
        (kept if float(rest) >= DEPENDENT else dependent).append(column)
    return dependent


def orthonormal_basis(actions: Tensor, warn: bool = True) -> Tensor:
    """Return Q (B, n, k + 1), float64: an orthonormal basis of the span of [1, actions].

    Dependent columns give columns of zeros.
    """
    wide = actions.to(torch.float64)
    mean = wide.mean(1, keepdim=True)
    basis = wide - mean
    floor = actions.shape[1] * (CONSTANT * mean[:, 0]).square()
    gram = basis.mT @ basis
    scale, constant = _scaling(gram, floor)
    basis = basis * torch.where(constant, 0.0, scale)[:, None]
    if on_gpu(basis):
        basis, kept = _triangular_basis(basis)
        if warn and may_ask(basis) and not bool(kept.all()):
            _inverse(gram, floor, warn)
        basis, _ = _triangular_basis(_centred(basis))
    else:
        basis, least = _whitened(basis)
        if not bool((least > EASY).all()):
            # No pivot is below the least eigenvalue: only here can there be anything to warn of.
            if warn:
                _inverse(gram, floor, warn)
            # Restores what the first loses to the condition squared.
            basis, _ = _whitened(_centred(basis))
    return torch.cat([torch.full_like(basis[:, :, :1], actions.shape[1] ** -0.5), basis], dim=2)


def _centred(basis: Tensor) -> Tensor:
    """Remove what is left of the mean: whitening makes the rounding of the first removal large."""
    return basis - basis.mean(1, keepdim=True)


def _triangular_basis(basis: Tensor) -> tuple[Tensor, Tensor]:
    """Return a basis of the span of the columns (B, n, k) and which columns are kept (B, k).

    What a GPU takes in place of `_whitened`: an eigendecomposition there waits for the device.
    """
    factor, kept = masked_cholesky(basis.mT @ basis)
    return basis @ _inverse_factor(factor, kept).mT, kept


def _whitened(basis: Tensor) -> tuple[Tensor, Tensor]:
    """Return a basis of the span of the columns (B, n, k) and the least eigenvalue (B,) of theirs.

    Dependent columns give columns of zeros.
    """
    values, vectors = torch.linalg.eigh(basis.mT @ basis)
    kept = values > DEPENDENT * values[:, -1:].clamp_min(1.0)
    scale = torch.where(kept, values, 1.0).rsqrt() * kept
    return basis @ (vectors * scale[:, None]), values[:, 0]
