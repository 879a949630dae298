"""Least squares compiled for the CPU: one pass for the moments of the data, one for the result.

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

from rep4ex_kernels._numba_least_squares import (
    add_multiples_of_actions,
    fill_basis,
    moments,
    solve,
    solve_adjoint,
)
from rep4ex_kernels._threads import sum_in_threads

Array = NDArray[Any]
# Below, a thread costs more than it takes over.
_ROWS_PER_THREAD = 16384


class Equations(NamedTuple):
    """What depends on the actions alone, in float64: what an adjoint needs of the pass before it.

    Attributes:
        weights: (B, n), or (0, n) for ones.
        total: (B,), the sum of the weights.
        mean: (B, k), of the actions.
        half: (B, k, k), H with G^-1 = H' H.
    """

    weights: Array
    total: Array
    mean: Array
    half: Array


def residualize_pass(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    """Return residual (B, n, d) and coefficients (B, k + 1, d), intercept first.

    representation (B, n, d), actions (B, n, k), weights (B, n) or None. None where columns of the
    actions are too close to the span of the others, and for data that are not finite.
    """
    kept = residualize_with_state(representation, actions, ridge, weights)
    return None if kept is None else kept[:2]


def residualize_with_state(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None
) -> tuple[Tensor, Tensor, Equations] | None:
    """Return what `residualize_pass` returns, and the state for `adjoint_with_state`."""
    values = representation.detach()
    (batches, _, d), k = values.shape, actions.shape[2]
    v, a = values.numpy(), actions.numpy()
    slope, shift = np.empty((batches, k, d)), np.empty((batches, d))
    coefficients = values.new_empty(batches, k + 1, d)
    equations = _solved(a, v, ridge, weights, slope, shift, coefficients.numpy())
    if equations is None:
        return None
    residual = torch.empty_like(values)
    _add_multiples(v, shift, a, equations.mean, slope, _ones(v), residual.numpy())
    return residual, coefficients, equations


def residualize_adjoint(
    grad_residual: Tensor,
    grad_coefficients: Tensor,
    actions: Tensor,
    ridge: float,
    weights: Tensor | None,
) -> Tensor | None:
    """Return the gradient (B, n, d) with respect to the representation, or None as above."""
    equations = _equations(actions, ridge, weights)
    if equations is None:
        return None
    return adjoint_with_state(grad_residual, grad_coefficients, actions, weights, equations)


def adjoint_with_state(
    grad_residual: Tensor,
    grad_coefficients: Tensor,
    actions: Tensor,
    weights: Tensor | None,
    state: Equations,
) -> Tensor:
    """Return the gradient (B, n, d): the transpose of `residualize_pass`, as in `torch_impl`.

    Args:
        grad_residual: (B, n, d).
        grad_coefficients: (B, k + 1, d).
        actions: (B, n, k).
        weights: of the equations, which hold them already.
        state: of the pass with these actions.
    """
    gradient = torch.empty_like(grad_residual)
    g, a, back = grad_residual.detach().numpy(), actions.numpy(), grad_coefficients.detach().numpy()
    (batches, _, d), k = g.shape, a.shape[2]
    sums = _moments(a, g, _ones(g), state.mean, np.zeros((batches, d)), 0)
    slope, shift = np.empty((batches, k, d)), np.empty((batches, d))
    solve_adjoint(sums, state.total, state.mean, state.half, back, slope, shift)
    _add_multiples(g, shift, a, state.mean, slope, state.weights, gradient.numpy())
    return gradient


def action_basis(actions: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return centred actions (B, n, k) and the basis (B, n, k + 1) of [1, A], or None as above."""
    equations = _equations(actions, 0.0, None)
    if equations is None:
        return None
    batches, n, k = actions.shape
    points = torch.empty_like(actions)
    basis = actions.new_empty(batches, n, k + 1, dtype=torch.float64)
    fill_basis(actions.numpy(), equations.mean, equations.half, points.numpy(), basis.numpy())
    return points, basis


def _equations(actions: Tensor, ridge: float, weights: Tensor | None) -> Equations | None:
    """Return the equations alone, None as above."""
    batches, n, k = actions.shape
    nothing, results = np.empty((batches, n, 0), np.float32), np.empty((batches, k + 1, 0))
    few = results.astype(np.float32)
    return _solved(actions.numpy(), nothing, ridge, weights, results[:, 1:], results[:, 0], few)


def _solved(
    a: Array,
    values: Array,
    ridge: float,
    weights: Tensor | None,
    slope: Array,
    shift: Array,
    coefficients: Array,
) -> Equations | None:
    """Fill slope (B, k, d) and shift (B, d) of the residual, and the coefficients."""
    batches, n, k = a.shape
    if weights is None:
        w, total = _ones(a), np.full(batches, float(n))
    else:
        w = weights.to(torch.float64).numpy()
        total = w.sum(1)
    d = values.shape[2]
    # The mean of a first block: near the mean of all for the spread, or else it is noticed.
    near_mean, near_values = np.empty((batches, k)), np.empty((batches, d))
    sums = _moments(a, values, w, near_mean, near_values, 1)
    equations = Equations(w, total, np.empty((batches, k)), np.empty((batches, k, k)))
    eps = float(np.finfo(a.dtype).eps)
    solvable = solve(
        sums, near_mean, near_values, total, ridge, eps, equations.mean, equations.half, slope,
        shift, coefficients,
    )  # fmt: skip
    return equations if solvable else None


def _ones(values: Array) -> Array:
    return np.empty((0, values.shape[1]))


def _moments(
    a: Array, values: Array, weights: Array, near_mean: Array, near_values: Array, whole: int
) -> Array:
    """Return the sums of `moments`; if whole, fill the means that are subtracted."""

    def work(first: int, stride: int) -> tuple[Array]:
        return (moments(a, values, weights, near_mean, near_values, whole, first, stride),)

    (sums,) = _in_threads(a.shape[1], work)
    result: Array = sums
    return result


def _add_multiples(
    values: Array, shift: Array, a: Array, mean: Array, slope: Array, weights: Array, out: Array
) -> None:
    def work(first: int, stride: int) -> tuple[int]:
        add_multiples_of_actions(values, shift, a, mean, slope, weights, first, stride, out)
        return (0,)

    _in_threads(values.shape[1], work)


def _in_threads(rows: int, work: Callable[[int, int], tuple[Any, ...]]) -> list[Any]:
    return sum_in_threads(max(1, rows // _ROWS_PER_THREAD), work)
