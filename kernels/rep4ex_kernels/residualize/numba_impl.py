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
    column_sums,
    combine,
    fill_basis,
    inverse_roots,
    moments,
)
from rep4ex_kernels._threads import sum_in_threads

Array = NDArray[Any]
# Below, a thread costs more than it takes over.
_ROWS_PER_THREAD = 16384


class _Equations(NamedTuple):
    """What depends on the actions alone, in float64."""

    actions: Array  # (B, n, k) float32, as given
    weights: Array  # (B, n), or (1, n) of ones
    total: Array  # (B, 1): sum of the weights
    mean: Array  # (B, k)
    half: Array  # (B, k, k): H with G^-1 = H' H


def residualize_pass(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    """Return residual (B, n, d) and coefficients (B, k + 1, d), intercept first.

    representation (B, n, d), actions (B, n, k), weights (B, n) or None. None where columns of the
    actions are too close to the span of the others.
    """
    equations = _equations(actions, ridge, weights)
    if equations is None:
        return None
    values = representation.detach().numpy()
    mean = _sums(values, equations.weights) / equations.total
    slope = _solve(equations, _moments(equations, values, mean, equations.weights))
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
    equations = _equations(actions, ridge, weights)
    if equations is None:
        return None
    g = grad_residual.detach().numpy()
    ones = _ones(g)
    to_coefficients = grad_coefficients.detach().to(torch.float64).numpy()
    to_intercept, to_slope = to_coefficients[:, 0], to_coefficients[:, 1:]
    to_mean = to_intercept - _sums(g, ones)
    to_slope = to_slope - equations.mean[:, :, None] * to_intercept[:, None]
    to_slope = to_slope - _moments(equations, g, np.zeros_like(to_mean), ones)
    back = _solve(equations, to_slope)
    return _combine(equations, g, to_mean / equations.total, back, equations.weights)


def action_basis(actions: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return centred actions (B, n, k) and the basis (B, n, k + 1) of [1, A], or None as above."""
    equations = _equations(actions, 0.0, None)
    if equations is None:
        return None
    batches, n, k = actions.shape
    points = torch.empty_like(actions)
    basis = actions.new_empty(batches, n, k + 1, dtype=torch.float64)
    fill_basis(equations.actions, equations.mean, equations.half, points.numpy(), basis.numpy())
    return points, basis


def _equations(actions: Tensor, ridge: float, weights: Tensor | None) -> _Equations | None:
    a = actions.numpy()
    w = _ones(a) if weights is None else weights.to(torch.float64).numpy()
    total = w.sum(1, keepdims=True)
    mean = _sums(a, w) / total
    gram = _in_threads(a, lambda first, stride: (moments(a, mean, a, mean, w, first, stride),))
    diagonal = np.einsum("bii->bi", gram)
    diagonal += ridge
    floor = total * (CONSTANT * mean) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):  # constant columns are found by the floor
        rounding = rounding_distance(mean**2 * total / diagonal, float(np.finfo(a.dtype).eps))
    half, easy = inverse_roots(gram, floor, np.maximum(rounding, EASY))
    return _Equations(a, w, total, mean, half) if easy else None


def _ones(values: Array) -> Array:
    return np.ones((1, values.shape[1]))


def _solve(equations: _Equations, right: Array) -> Array:
    """Return G^-1 right (B, k, d)."""
    solution: Array = equations.half.transpose(0, 2, 1) @ (equations.half @ right)
    return solution


def _sums(values: Array, weights: Array) -> Array:
    return _in_threads(values, lambda first, stride: (column_sums(values, weights, first, stride),))


def _moments(equations: _Equations, values: Array, mean: Array, weights: Array) -> Array:
    a, a_mean = equations.actions, equations.mean
    return _in_threads(
        values,
        lambda first, stride: (moments(a, a_mean, values, mean, weights, first, stride),),
    )


def _combine(
    equations: _Equations, values: Array, shift: Array, slope: Array, weights: Array
) -> Tensor:
    out = np.empty_like(values)

    def work(first: int, stride: int) -> tuple[int]:
        combine(
            values, shift, equations.actions, equations.mean, slope, weights, first, stride, out
        )
        return (0,)

    _in_threads(values, work)
    return torch.from_numpy(out)


def _in_threads(values: Array, work: Callable[[int, int], tuple[Any, ...]]) -> Array:
    total: Array = sum_in_threads(max(1, values.shape[1] // _ROWS_PER_THREAD), work)[0]
    return total
