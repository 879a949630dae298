"""Least squares compiled for the CPU: one pass each for means, Gram matrix, moments and result.

The normal equations of `_least_squares`, for actions whose columns are well apart: there one
solution has all the digits. Others are left to the torch path, which refines and warns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rep4ex_kernels._least_squares import CONSTANT, EASY, rounding_distance
from rep4ex_kernels._numba_least_squares import (
    combine,
    fill_basis,
    first_mean,
    inverse_roots,
    moments,
)
from rep4ex_kernels._threads import sum_in_threads

Array = NDArray[Any]
# Below, a thread costs more than it takes over.
_ROWS_PER_THREAD = 16384
# Squared distance of a shift from the mean, in variances, that float64 has the digits for.
_FARTHEST_SHIFT = 1e6


class _Equations(NamedTuple):
    """What depends on the actions alone, in float64."""

    actions: Array  # (B, n, k) float32, as given
    weights: Array  # (B, n), or (0, n) for ones
    total: Array  # (B, 1): sum of the weights
    mean: Array  # (B, k)
    half: Array  # (B, k, k): H with G^-1 = H' H

    def solve(self, right: Array) -> Array:
        """Return G^-1 right (B, k, d)."""
        solution: Array = self.half.transpose(0, 2, 1) @ (self.half @ right)
        return solution


def residualize_pass(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    """Return residual (B, n, d) and coefficients (B, k + 1, d), intercept first.

    representation (B, n, d), actions (B, n, k), weights (B, n) or None. None where columns of the
    actions are too close to the span of the others.
    """
    values = representation.detach().numpy()
    equations, mean, cross = _equations(actions, ridge, weights, values)
    if equations is None:
        return None
    slope = equations.solve(cross)
    residual = _combine(equations, values, -mean, -slope, _ones(values))
    intercept = mean[:, None] - equations.mean[:, None] @ slope
    coefficients = np.concatenate([intercept, slope], 1)
    return residual, torch.from_numpy(coefficients).to(representation.dtype)


def residualize_adjoint(
    grad_residual: Tensor,
    grad_coefficients: Tensor,
    actions: Tensor,
    ridge: float,
    weights: Tensor | None,
) -> Tensor | None:
    """Return the gradient (B, n, d) with respect to the representation, or None as above.

    The transpose of `residualize_pass`, as in `torch_impl`.
    """
    g = grad_residual.detach().numpy()
    seen = g if weights is None else _nothing(actions)
    equations, mean, cross = _equations(actions, ridge, weights, seen)
    if equations is None:
        return None
    if weights is None:
        sums = mean * len(g[0])
    else:  # the weights of the equations are none of the gradient
        k, zeros = actions.shape[2], np.zeros((len(g), g.shape[2]))
        both = _moments(equations.actions, equations.mean, g, zeros, _ones(g))
        sums, cross = both[0][:, k:], both[1][:, :, k:]
    to_coefficients = grad_coefficients.detach().to(torch.float64).numpy()
    to_intercept, to_slope = to_coefficients[:, 0], to_coefficients[:, 1:]
    to_mean = to_intercept - sums
    to_slope = to_slope - equations.mean[:, :, None] * to_intercept[:, None] - cross
    back = equations.solve(to_slope)
    return _combine(equations, g, to_mean / equations.total, back, equations.weights)


def action_basis(actions: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return centred actions (B, n, k) and the basis (B, n, k + 1) of [1, A], or None as above."""
    equations, *_ = _equations(actions, 0.0, None, _nothing(actions))
    if equations is None:
        return None
    batches, n, k = actions.shape
    points = torch.empty_like(actions)
    basis = actions.new_empty(batches, n, k + 1, dtype=torch.float64)
    fill_basis(equations.actions, equations.mean, equations.half, points.numpy(), basis.numpy())
    return points, basis


def _equations(
    actions: Tensor, ridge: float, weights: Tensor | None, values: Array
) -> tuple[_Equations | None, Array, Array]:
    """Return the equations, None as above, with the mean of values (B, n, d) and A_c' w values."""
    a = actions.numpy()
    if weights is None:
        w, total = _ones(a), np.full((len(a), 1), float(a.shape[1]))
    else:
        w = weights.to(torch.float64).numpy()
        total = w.sum(1, keepdims=True)
    k = a.shape[2]
    # The mean of a first block: near the mean of all for the spread, or else it is noticed.
    shift, shift_values = first_mean(a), first_mean(values)
    sums, products = _moments(a, shift, values, shift_values, w)
    means = sums / total
    products = products - sums[:, :k, None] * means[:, None]
    gram, cross = products[:, :, :k], products[:, :, k:]
    mean = shift + means[:, :k]
    variance = np.einsum("bii->bi", gram) / total
    near = bool((means[:, :k] ** 2 <= _FARTHEST_SHIFT * variance).all())
    ridged = gram + ridge * np.eye(k)
    with np.errstate(divide="ignore", invalid="ignore"):  # constant columns are found by the floor
        rounding = rounding_distance(mean**2 / variance, float(np.finfo(a.dtype).eps))
    floor = total * (CONSTANT * mean) ** 2
    half, easy = inverse_roots(ridged, floor, np.maximum(rounding, EASY))
    equations = _Equations(a, w, total, mean, half) if easy and near else None
    return equations, shift_values + means[:, k:], cross


def _ones(values: Array) -> Array:
    return np.empty((0, values.shape[1]))


def _nothing(actions: Tensor) -> Array:
    return np.empty((*actions.shape[:2], 0), np.float32)


def _moments(
    a: Array, shift: Array, values: Array, shift_values: Array, weights: Array
) -> tuple[Array, Array]:
    """Return sums (B, k + d) and products with the actions (B, k, k + d), less the shifts."""

    def work(first: int, stride: int) -> tuple[Array]:
        return (moments(a, shift, values, shift_values, weights, first, stride),)

    (both,) = _in_threads(a.shape[1], work)
    return both[:, 0], both[:, 1:]


def _combine(
    equations: _Equations, values: Array, shift: Array, slope: Array, weights: Array
) -> Tensor:
    a, mean, out = equations.actions, equations.mean, np.empty_like(values)

    def work(first: int, stride: int) -> tuple[int]:
        combine(values, shift, a, mean, slope, weights, first, stride, out)
        return (0,)

    _in_threads(values.shape[1], work)
    return torch.from_numpy(out)


def _in_threads(rows: int, work: Callable[[int, int], tuple[Any, ...]]) -> list[Any]:
    return sum_in_threads(max(1, rows // _ROWS_PER_THREAD), work)
