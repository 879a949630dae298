"""Least squares on any device: centred normal equations in float64 (see `_least_squares`)."""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_kernels._least_squares import (
    normal_equations,
    orthonormal_basis,
    solve,
    weighted_mean,
)


def residualize_pass(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return residual (B, n, d) and coefficients (B, k + 1, d), intercept first.

    representation (B, n, d), actions (B, n, k), weights (B, n) or None. Warns of dependent columns.
    """
    equations = normal_equations(actions, ridge, weights)
    wide = representation.to(torch.float64)
    mean = weighted_mean(wide, weights)
    centred = wide - mean
    slope = equations.inverse @ (equations.weighted.mT @ centred)
    residual = centred - equations.centred @ slope
    # One step of refinement: the moments that the residual still has with the actions.
    left = equations.weighted.mT @ residual - ridge * slope
    correction = equations.inverse @ left
    slope = slope + correction
    residual = residual - equations.centred @ correction
    intercept = mean - equations.mean @ slope
    coefficients = torch.cat([intercept, slope], dim=1)
    return residual.to(representation.dtype), coefficients.to(representation.dtype)


def residualize_adjoint(
    grad_residual: Tensor,
    grad_coefficients: Tensor,
    actions: Tensor,
    ridge: float,
    weights: Tensor | None,
) -> Tensor:
    """Return the gradient (B, n, d) with respect to the representation.

    `residualize_pass` is linear in the representation; this is its transpose:
    g + w (t / sum(w) + A_c G^-1 T), where t and T are what reaches the mean and the slope.
    """
    equations = normal_equations(actions, ridge, weights, warn=False)
    g = grad_residual.to(torch.float64)
    to_coefficients = grad_coefficients.to(torch.float64)
    to_intercept, to_slope = to_coefficients[:, :1], to_coefficients[:, 1:]
    to_mean = to_intercept - g.sum(1, keepdim=True)
    to_slope = to_slope - equations.mean.mT @ to_intercept - equations.centred.mT @ g
    back = solve(equations, to_slope)
    if weights is None:
        gradient = g + to_mean / g.shape[1] + equations.centred @ back
    else:
        w = weights.to(torch.float64)[:, :, None]
        gradient = g + w * (to_mean / w.sum(1, keepdim=True)) + equations.weighted @ back
    return gradient.to(grad_residual.dtype)


def action_basis(actions: Tensor) -> tuple[Tensor, Tensor]:
    """Return centred actions (B, n, k) and an orthonormal basis (B, n, k + 1) of [1, A].

    The basis is float64; dependent columns give columns of zeros and a warning.
    """
    wide = actions.to(torch.float64)
    points = (wide - wide.mean(1, keepdim=True)).to(actions.dtype)
    return points.contiguous(), orthonormal_basis(actions)
