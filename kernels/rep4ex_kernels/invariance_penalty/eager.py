"""The factorised penalty with its gradient in closed form: a GPU's eager calls take few operations.

    whole data    |R phi|^2,  R = F' / n                gradient 2 R' R phi
    batch, V      |F_b' phi|^2 / b^2                    gradient 2 F_b F_b' phi / b^2
    batch, U      (|F_b' phi|^2 - sum_i |f_i|^2 |phi_i|^2) / (b (b - 1))

A graph of small operations, each of which is a launch and back again another, would take three
times as many. A second derivative goes through `torch_impl` and plain operations.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rep4ex_kernels._registration import apply
from rep4ex_kernels.invariance_penalty import torch_impl


def squared_moments(phi: Tensor, rows: Tensor) -> Tensor:
    """Return |rows phi|^2 (...) of phi (..., n, d); rows = F' / n (rank, n) with F' 1 = 0."""
    value: Tensor = apply(_SquaredMoments, phi, rows)
    return value


def batch_statistic(phi: Tensor, features: Tensor, squares: Tensor | None) -> Tensor:
    """Return the statistic (...) of phi (..., b, d) from features F_b (..., b, rank).

    With the squares |f_i|^2 (..., b) of the rows of G that the features stand for, the U-statistic.
    """
    value: Tensor = apply(_BatchStatistic, phi, features, squares)
    return value


class _SquaredMoments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, phi: Tensor, rows: Tensor) -> Tensor:
        # F' 1 = 0, so the shift only keeps a large mean from costing digits.
        moments = rows @ (phi - phi.mean(-2, keepdim=True))
        ctx.save_for_backward(phi, rows, moments)
        value = _squared_length(moments)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        phi, rows, moments = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative may follow
            value = torch_impl.squared_moments(phi, rows)
            return torch.autograd.grad(value, phi, grads[0], create_graph=True)[0], None
        return rows.mT @ (moments * (2 * grads[0])[..., None, None]), None


class _BatchStatistic(torch.autograd.Function):
    """<phi, h>, h = (F_b F_b' - diag |f_i|^2) phi over the count; its gradient is 2 h."""

    @staticmethod
    def forward(ctx: Any, phi: Tensor, features: Tensor, squares: Tensor | None) -> Tensor:
        b = phi.shape[-2]
        share = 1 / (b * b if squares is None else b * (b - 1))
        product = _product(features, features.mT @ phi, phi, squares, share)
        ctx.save_for_backward(phi, features, squares, product)
        value: Tensor = (phi * product).sum((-2, -1))
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        phi, features, squares, product = ctx.saved_tensors
        if torch.is_grad_enabled():
            value = batch_of_operations(phi, features, squares)
            return torch.autograd.grad(value, phi, grads[0], create_graph=True)[0], None, None
        return product * (2 * grads[0])[..., None, None], None, None


def _product(
    features: Tensor, moments: Tensor, phi: Tensor, squares: Tensor | None, share: float
) -> Tensor:
    """Return share (features moments - squares phi), in two operations where shapes allow."""
    if squares is None:
        return features @ (moments * share)
    own = phi * squares[..., None]
    if features.dim() == phi.dim() == 2:
        return torch.addmm(own, features, moments, beta=-share, alpha=share)
    if features.dim() == phi.dim() == 3:
        return torch.baddbmm(own, features, moments, beta=-share, alpha=share)
    product: Tensor = (features @ moments - own) * share
    return product


def batch_of_operations(phi: Tensor, features: Tensor, squares: Tensor | None) -> Tensor:
    """`batch_statistic` as operations that torch.func, torch.compile and autograd see."""
    b = phi.shape[-2]
    value: Tensor = (features.mT @ phi).square().sum((-1, -2))
    if squares is not None:
        diagonal: Tensor = (squares * phi.square().sum(-1)).sum(-1)
        return (value - diagonal) / (b * (b - 1))
    return value / b**2


def _squared_length(moments: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(moments, dim=(-2, -1))
    return length * length
