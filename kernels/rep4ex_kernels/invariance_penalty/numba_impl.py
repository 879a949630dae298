"""|F' phi|^2 / n^2 and its gradient 2 F F' phi / n^2 in one call, compiled for the CPU.

At low rank the arithmetic takes microseconds and a graph of small torch operations ten times that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rep4ex_kernels.invariance_penalty import torch_impl


def squared_moments(phi: Tensor, rows: Tensor) -> Tensor:
    """Return |rows phi|^2 (...) of phi (..., n, d); rows = F' / n (rank, n) with F' 1 = 0.

    Both float32, on the CPU. Differentiable any number of times; beyond the first derivative in
    torch.
    """
    if torch.is_grad_enabled() and phi.requires_grad:
        value: Tensor = _SquaredMoments.apply(phi, rows)  # type: ignore[no-untyped-call]
        return value
    return _value_and_gradient(phi, rows)[0]


class _SquaredMoments(torch.autograd.Function):
    # Without setup_context, which costs more than the arithmetic and which only torch.func needs:
    # it cannot see through compiled code, and the dispatch does not come here under it.
    @staticmethod
    def forward(ctx: Any, phi: Tensor, rows: Tensor) -> Tensor:
        value, ctx.gradient = _value_and_gradient(phi, rows)
        ctx.save_for_backward(phi, rows)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        gradient = ctx.gradient
        if torch.is_grad_enabled():  # a second derivative may follow
            phi, rows = ctx.saved_tensors
            value = torch_impl.squared_moments(phi, rows).sum()
            (gradient,) = torch.autograd.grad(value, phi, create_graph=True)
        outer = grads[0] if gradient.dim() == 2 else grads[0][..., None, None]
        return gradient * outer, None


def _value_and_gradient(phi: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    points = phi.detach().contiguous()
    gradient = torch.empty_like(points)
    flat, out, features = points.numpy(), gradient.numpy(), rows.numpy()
    if phi.dim() == 2:
        return phi.new_tensor(_moments(flat, features, out)), gradient
    value = phi.new_empty(phi.shape[:-2])
    for place in np.ndindex(*value.shape):
        value[place] = _moments(flat[place], features, out[place])
    return value, gradient


@njit(fastmath=True, nogil=True, cache=True)
def _moments(phi: Any, rows: Any, gradient: Any) -> Any:
    """Return sum (rows phi)^2 of phi (n, d) and fill its gradient (n, d)."""
    n, d = phi.shape
    centred = np.empty((d, n), np.float32)
    back = np.zeros((d, n), np.float32)
    for c in range(d):
        total = 0.0
        for i in range(n):
            total += phi[i, c]
        mean = np.float32(total / n)
        for i in range(n):
            centred[c, i] = phi[i, c] - mean
    value = 0.0
    for k in range(len(rows)):
        row = rows[k]
        for c in range(d):
            here, there = centred[c], back[c]
            moment = np.float32(0)
            for i in range(n):
                moment += here[i] * row[i]
            value += np.float64(moment) * np.float64(moment)
            moment *= np.float32(2)
            for i in range(n):
                there[i] += moment * row[i]
    for c in range(d):
        for i in range(n):
            gradient[i, c] = back[c, i]
    return value
