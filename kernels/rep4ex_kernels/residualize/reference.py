"""Least squares as written, dense, float64: the definition that every backend is compared with."""

from __future__ import annotations

import torch
from torch import Tensor


def residualize(
    representation: Tensor, actions: Tensor, ridge: float = 0.0, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return residual (..., n, d) and coefficients (..., k + 1, d), intercept first, in float64.

    minimise sum_i w_i |phi_i - c - W' a_i|^2 + ridge |W|^2, by the pseudo-inverse of the design
    with sqrt(ridge) rows appended; of all minimisers the one with the smallest |W|.
    """
    phi, a = representation.to(torch.float64), actions.to(torch.float64)
    w = torch.ones_like(a[..., 0]) if weights is None else weights.to(torch.float64)
    w = w[..., None]
    mean_a = (w * a).sum(-2, keepdim=True) / w.sum(-2, keepdim=True)
    mean_phi = (w * phi).sum(-2, keepdim=True) / w.sum(-2, keepdim=True)
    root = w.sqrt()
    penalty = ridge**0.5 * torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    penalty = penalty.expand(*a.shape[:-2], *penalty.shape)
    design = torch.cat([root * (a - mean_a), penalty], dim=-2)
    inverse = torch.linalg.pinv(design, rtol=1e-9)[..., : a.shape[-2]]
    slope = inverse @ (root * (phi - mean_phi))
    intercept = mean_phi - mean_a @ slope
    return phi - intercept - a @ slope, torch.cat([intercept, slope], dim=-2)
