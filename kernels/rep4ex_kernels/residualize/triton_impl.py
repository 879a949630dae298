"""Batched weighted least squares of a representation on [1, actions], on the GPU.

    minimise  sum_i w_i |phi_i - c - W' a_i|^2 + ridge |W|^2

One pass accumulates the moments of [1, A] with [1, A, Phi] in float64, where products of float32
numbers are exact; actions are taken relative to their first row, so an offset costs nothing. A
second kernel centres them, factorises the k x k matrix by Cholesky without leaving the program and
solves; a third subtracts the fit. Columns whose pivot vanishes are left out: the residual is the
right one, and the coefficients are then made those of minimum norm.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from rep4ex_kernels._least_squares import (
    DEPENDENT,
    masked_cholesky,
    may_ask,
    row_space,
    unit_diagonal,
    warn_of_dependence,
    warn_of_rounding,
    within_rounding,
)
from rep4ex_kernels._triton_helpers import check_float32, on_its_device, power_of_two, scratch
from rep4ex_kernels._triton_table import LEAST_SQUARES, LEAST_SQUARES_ROWS, least_squares_tile

# A pivot below this part of its column's variance is rounding: the column depends on earlier ones.
PIVOT_TOLERANCE = DEPENDENT

# A centred column below this part of its uncentred square is constant: centring leaves so much.
CONSTANT_PART = 4e-16


@triton.jit
def moments_kernel(
    actions_ptr, targets_ptr, weights_ptr, partial_ptr,
    n, k, d, rows_per_part,
    WEIGHTED: tl.constexpr, K: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """partial[batch, part, chunk] (K, D) = sum over rows of w [1, a]' t, in float64.

    Grid (batches, parts, chunks of D target columns). Targets are [1, a, phi], so the first column
    of [1, a] and of the targets is one.
    """
    batch = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    chunk = tl.program_id(2)
    features = tl.arange(0, K)
    columns = chunk * D + tl.arange(0, D)
    width = 1 + k + d
    start = part * rows_per_part
    stop = tl.minimum(start + rows_per_part, n)
    total = tl.zeros((K, D), tl.float64)
    first_row = actions_ptr + batch * n * k - 1
    first = tl.load(first_row + features, mask=(features >= 1) & (features <= k), other=0.0)
    first = first.to(tl.float64)
    first_target = tl.load(first_row + columns, mask=(columns >= 1) & (columns <= k), other=0.0)
    first_target = first_target.to(tl.float64)
    for begin in range(start, stop, BLOCK):
        rows = begin + tl.arange(0, BLOCK)
        inside = rows < stop
        row64 = batch * n + rows
        a = tl.load(
            actions_ptr + row64[None, :] * k + (features - 1)[:, None],
            mask=inside[None, :] & (features >= 1)[:, None] & (features <= k)[:, None],
            other=0.0,
        )
        a = tl.where(inside[None, :], a.to(tl.float64) - first[:, None], 0.0)
        a = tl.where((features == 0)[:, None] & inside[None, :], 1.0, a)
        if WEIGHTED:
            w = tl.load(weights_ptr + row64, mask=inside, other=0.0)
            a *= w[None, :].to(tl.float64)
        from_actions = tl.load(
            actions_ptr + row64[:, None] * k + (columns - 1)[None, :],
            mask=inside[:, None] & (columns >= 1)[None, :] & (columns <= k)[None, :],
            other=0.0,
        )
        from_targets = tl.load(
            targets_ptr + row64[:, None] * d + (columns - 1 - k)[None, :],
            mask=inside[:, None] & (columns > k)[None, :] & (columns < width)[None, :],
            other=0.0,
        )
        t = from_actions.to(tl.float64) - first_target[None, :] + from_targets
        t = tl.where((columns == 0)[None, :], 1.0, t)
        total += tl.sum(a[:, :, None] * t[None, :, :], axis=1)
    slot = (batch * tl.num_programs(1) + part) * tl.num_programs(2) + chunk
    out = partial_ptr + slot * K * D + features[:, None] * D + tl.arange(0, D)[None, :]
    tl.store(out, total)


@triton.jit
def solve_kernel(  # noqa: PLR0915 - one kernel is one function
    moments_ptr, actions_ptr, coefficients_ptr, dropped_ptr, pivots_ptr,
    n, k, d, height, width, ridge, tolerance, constant_part, K: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    """Coefficients (batch, k + 1, d) from moments (batch, height, width) of [1, a], [1, a, phi].

    Also the number of columns left out, and the pivots: squared distances of the columns from the
    span of those before them.
    Grid (batches, chunks of D target columns). Cholesky of the centred k x k matrix, one column a
    step, with the forward substitution of the targets in the same step; then back substitution.
    """
    batch = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, K)
    target = tl.program_id(1) * D + tl.arange(0, D)
    moments_ptr += batch * height * width
    real = i < k
    mass = tl.load(moments_ptr)
    sums = tl.load(moments_ptr + 1 + i, mask=real, other=0.0)
    target_sums = tl.load(moments_ptr + 1 + k + target, mask=target < d, other=0.0)
    gram = tl.load(
        moments_ptr + (1 + i)[:, None] * width + (1 + i)[None, :],
        mask=real[:, None] & real[None, :],
        other=0.0,
    )
    gram -= sums[:, None] * sums[None, :] / mass
    diagonal = i[:, None] == i[None, :]
    right = tl.load(
        moments_ptr + (1 + i)[:, None] * width + (1 + k + target)[None, :],
        mask=real[:, None] & (target < d)[None, :],
        other=0.0,
    )
    right -= sums[:, None] * target_sums[None, :] / mass
    # Against the uncentred moment too: centring an offset column leaves that much rounding.
    variance = tl.sum(tl.where(diagonal, gram, 0.0), 1)
    raw = variance + sums * sums / mass
    least = tl.maximum(variance * tolerance, raw * constant_part) + ridge * tolerance
    gram += tl.where(diagonal & real[:, None], ridge, 0.0)
    factor = tl.zeros((K, K), tl.float64)
    kept = tl.zeros((K,), tl.int32)
    for j in range(k):
        column = tl.sum(tl.where(i[None, :] == j, gram, 0.0), 1)
        pivot = tl.sum(tl.where(i == j, column, 0.0), 0)
        bound = tl.sum(tl.where(i == j, least, 0.0), 0)
        keep = pivot > bound
        root = tl.sqrt(tl.where(keep, pivot, 1.0))
        column = tl.where(keep, tl.where(i >= j, column / root, 0.0), 0.0)
        factor = tl.where(i[None, :] == j, column[:, None], factor)
        # Every program of a problem writes the same; kept in registers they would not fit.
        tl.store(pivots_ptr + batch * k + j, pivot)
        kept += tl.where(i == j, tl.where(keep, 1, 0), 0)
        gram -= column[:, None] * column[None, :]
        solved = tl.sum(tl.where(i[:, None] == j, right, 0.0), 0)
        solved = tl.where(keep, solved / root, 0.0)
        below = tl.where(i > j, column, 0.0)
        right -= below[:, None] * solved[None, :]
        right = tl.where(i[:, None] == j, solved[None, :], right)
    for step in range(k):
        j = k - 1 - step
        row = tl.sum(tl.where(i[:, None] == j, factor, 0.0), 0)
        root = tl.sum(tl.where(i == j, row, 0.0), 0)
        value = tl.sum(tl.where(i[:, None] == j, right, 0.0), 0)
        value = tl.where(root > 0, value / tl.where(root > 0, root, 1.0), 0.0)
        before = tl.where(i < j, row, 0.0)
        right -= before[:, None] * value[None, :]
        right = tl.where(i[:, None] == j, value[None, :], right)
    # The moments are those of actions less their first row.
    first = tl.load(actions_ptr + batch * n * k + i, mask=real, other=0.0).to(tl.float64)
    intercept = (target_sums - tl.sum(sums[:, None] * right, 0)) / mass
    intercept -= tl.sum(first[:, None] * right, 0)
    coefficients_ptr += batch * (k + 1) * d
    tl.store(coefficients_ptr + target, intercept, mask=target < d)
    tl.store(
        coefficients_ptr + (1 + i)[:, None] * d + target[None, :],
        right,
        mask=real[:, None] & (target < d)[None, :],
    )
    if tl.program_id(1) == 0:
        tl.store(dropped_ptr + batch, k - tl.sum(kept, 0))


@triton.jit
def residual_kernel(
    targets_ptr, actions_ptr, coefficients_ptr, residual_ptr,
    n, k, d, D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """phi - c - A W (BLOCK rows, D columns), the fit in float64: offsets cancel in it."""
    tiles = tl.cdiv(n, BLOCK)
    batch = (tl.program_id(0) // tiles).to(tl.int64)
    rows = (tl.program_id(0) % tiles) * BLOCK + tl.arange(0, BLOCK)
    columns = tl.program_id(1) * D + tl.arange(0, D)
    inside = rows < n
    present = columns < d
    row64 = batch * n + rows
    coefficients_ptr += batch * (k + 1) * d
    place = row64[:, None] * d + columns[None, :]
    mask = inside[:, None] & present[None, :]
    value = tl.load(targets_ptr + place, mask=mask, other=0.0).to(tl.float64)
    value -= tl.load(coefficients_ptr + columns, mask=present, other=0.0)[None, :]
    for c in range(k):
        a = tl.load(actions_ptr + row64 * k + c, mask=inside, other=0.0).to(tl.float64)
        w = tl.load(coefficients_ptr + (c + 1) * d + columns, mask=present, other=0.0)
        value -= a[:, None] * w[None, :]
    tl.store(residual_ptr + place, value.to(tl.float32), mask=mask)


@on_its_device
def residualize_pass(
    representation: Tensor, actions: Tensor, ridge: float = 0.0, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Residual (B, n, d) and coefficients (B, k + 1, d), intercept first, all float32.

    representation (B, n, d), actions (B, n, k) and weights (B, n) are float32 and contiguous.
    """
    check_float32(representation=representation, actions=actions, weights=weights)
    batches, n, d = representation.shape
    k = actions.shape[2]
    if representation.numel() == 0:
        return representation.clone(), representation.new_zeros((batches, k + 1, d))
    moments = _moments(representation, actions, weights)
    coefficients, dropped, pivots = _solve(moments, actions, d, ridge)
    own = ActionMoments.of(moments, actions, ridge)
    singular = dropped > 0
    asks = may_ask(dropped)
    if asks:
        own.warn(singular, pivots)
    if not asks or bool(singular.any()):
        coefficients = own.minimum_norm(coefficients, singular)
    residual = scratch((batches, n, d), representation)
    config = LEAST_SQUARES["residual"]
    tiles = -(-n // config.block_m)
    residual_kernel[(batches * tiles, -(-d // config.block_n))](
        representation, actions, coefficients, residual, n, k, d,
        D=config.block_n, BLOCK=config.block_m,
        num_warps=config.num_warps, num_stages=config.num_stages,
    )  # fmt: skip
    return residual, coefficients.float()


def _moments(targets: Tensor, actions: Tensor, weights: Tensor | None) -> Tensor:
    """[1, A - a_0]' diag(w) [1, A - a_0, Phi] as (B, K, 1 + k + d) float64, K a power of two."""
    batches, n, d = targets.shape
    k = actions.shape[2]
    config = LEAST_SQUARES["moments"]
    height = power_of_two(k + 1, 2)
    block, width = least_squares_tile(height)
    chunks = -(-(1 + k + d) // width)
    parts = max(1, min(-(-n // LEAST_SQUARES_ROWS), 64))
    per_part = -(-n // (parts * block)) * block
    partial = scratch((batches, parts, chunks, height, width), targets, torch.float64)
    moments_kernel[(batches, parts, chunks)](
        actions, targets, actions if weights is None else weights, partial, n, k, d, per_part,
        WEIGHTED=weights is not None, K=height, D=width, BLOCK=block,
        num_warps=config.num_warps, num_stages=config.num_stages,
    )  # fmt: skip
    total = partial.sum(1).transpose(1, 2).flatten(2)
    return total[..., : 1 + k + d].contiguous()


def _solve(moments: Tensor, actions: Tensor, d: int, ridge: float) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients (B, k + 1, d) float64, the number of columns left out (B,), pivots (B, k)."""
    batches, height, width = moments.shape
    n, k = actions.shape[1:]
    config = LEAST_SQUARES["solve"]
    coefficients = scratch((batches, k + 1, d), moments, torch.float64)
    dropped = torch.zeros((batches,), dtype=torch.int32, device=moments.device)
    pivots = scratch((batches, k), moments, torch.float64)
    solve_kernel[(batches, -(-d // config.block_n))](
        moments, actions, coefficients, dropped, pivots,
        n, k, d, height, width, float(ridge), PIVOT_TOLERANCE, CONSTANT_PART,
        K=power_of_two(k, 2), D=config.block_n,
        num_warps=config.num_warps, num_stages=config.num_stages,
    )  # fmt: skip
    return coefficients, dropped, pivots


class ActionMoments(NamedTuple):
    """What a rank-deficient problem, and the telling of one, need of the moments."""

    mass: Tensor  # (B, 1)
    mean: Tensor  # (B, 1, k)
    gram: Tensor  # (B, k, k), centred, ridge included
    raw: Tensor  # (B, k): uncentred squares

    @classmethod
    def of(cls, moments: Tensor, actions: Tensor, ridge: float) -> ActionMoments:
        """From the moments (B, K, 1 + k + d) of actions less their first row."""
        k = actions.shape[2]
        mass, sums = moments[:, 0, :1], moments[:, 0, 1 : k + 1]
        square = moments[:, 1 : k + 1, 1 : k + 1]
        gram = square - sums[:, :, None] * sums[:, None, :] / mass[..., None]
        if ridge:
            gram = gram + ridge * torch.eye(k, dtype=gram.dtype, device=gram.device)
        mean = (sums / mass)[:, None] + actions[:, :1].double()
        return cls(mass, mean, gram, square.diagonal(dim1=1, dim2=2))

    def warn(self, singular: Tensor, pivots: Tensor) -> None:
        """Name dependent columns; waits for the device."""
        eps = torch.finfo(torch.float32).eps
        parts = pivots / self.gram.diagonal(dim1=1, dim2=2)
        near = within_rounding(parts, self.mean, self.gram, self.mass, eps) & ~singular[:, None]
        if not bool((near | singular[:, None]).any()):
            return
        if bool(singular.any()):
            warn_of_dependence(self.scaled[1][singular])
        warn_of_rounding(near)

    @property
    def scaled(self) -> tuple[Tensor, Tensor]:
        """Scales (B, k) and the Gram matrix (B, k, k) of unit diagonal."""
        return unit_diagonal(self.gram, CONSTANT_PART * self.raw)

    def minimum_norm(self, coefficients: Tensor, singular: Tensor) -> Tensor:
        """The solution of least norm where singular (B,): slopes projected on the row space."""
        scale, scaled = self.scaled
        slopes = row_space(*masked_cholesky(scaled), scale) @ coefficients[:, 1:]
        shift = self.mean @ (coefficients[:, 1:] - slopes)
        least = torch.cat([coefficients[:, :1] + shift, slopes], dim=1)
        return torch.where(singular[:, None, None], least, coefficients)
