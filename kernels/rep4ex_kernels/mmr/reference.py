"""The MMR penalty as written, dense, float64: the definition that every backend is compared with.

    V: 1/n^2 sum_ij <r_i, r_j> k(a_i, a_j),   r = P phi,   k = exp(-|a - a'|^2 / (2 h^2))
    U: 1/(n (n - 1)) sum_{i != j} <r_i, r_j> (P K P)_ij

P projects on the orthogonal complement of [1, A]. (Muandet, Jitkrittum and Kuebler 2020, equation
9; Rep4Ex, arXiv 2310.04295, Section 4.)
"""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_kernel(a: Tensor, bandwidth: Tensor) -> Tensor:
    """Return K (..., n, n) of a (..., n, k) with bandwidth (...)."""
    squares = (a[..., :, None, :] - a[..., None, :, :]).square().sum(-1)
    h = bandwidth.to(a.dtype)[..., None, None]
    kernel: Tensor = torch.exp(-squares / (2 * h.square()))
    return kernel


def projection(a: Tensor) -> Tensor:
    """Return P (..., n, n), orthogonal to [1, a]; a is centred first, which changes no span."""
    a = a - a.mean(-2, keepdim=True)
    design = torch.cat([torch.ones_like(a[..., :1]), a], dim=-1)
    hat: Tensor = design @ torch.linalg.pinv(design, rtol=1e-9)
    eye = torch.eye(a.shape[-2], dtype=a.dtype, device=a.device)
    return eye - hat


def kernel_product(points: Tensor, values: Tensor, bandwidth: Tensor) -> Tensor:
    """Return K values (..., n, d) in float64."""
    product: Tensor = gaussian_kernel(points.to(torch.float64), bandwidth) @ values.to(
        torch.float64
    )
    return product


def mmr_penalty(
    representation: Tensor, actions: Tensor, bandwidth: Tensor, statistic: str = "v"
) -> Tensor:
    """Return the penalty (...) in float64."""
    a = actions.to(torch.float64)
    P, K = projection(a), gaussian_kernel(a, bandwidth)
    r = P @ representation.to(torch.float64)
    n = a.shape[-2]
    gram = r @ r.mT
    if statistic == "v":
        return (K * gram).sum((-1, -2)) / n**2
    product = P @ K @ P * gram
    return (product.sum((-1, -2)) - product.diagonal(dim1=-2, dim2=-1).sum(-1)) / (n * (n - 1))
