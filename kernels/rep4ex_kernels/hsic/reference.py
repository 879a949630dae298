"""HSIC as written, dense, float64.

biased    tr(K H L H) / n^2                                 (Gretton et al. 2005, equation 9)
unbiased  [tr(K L) + 1'K1 1'L1 / ((n - 1)(n - 2)) - 2 / (n - 2) 1'K L 1] / (n (n - 3)),
          K and L with zero diagonals                       (Song et al. 2012, equation 5)
"""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_kernels.mmr.reference import gaussian_kernel


def hsic(x: Tensor, y: Tensor, bandwidth_x: Tensor, bandwidth_y: Tensor, unbiased: bool) -> Tensor:
    """Return HSIC (...) in float64 for x (..., n, p), y (..., n, q), bandwidths (...)."""
    K = gaussian_kernel(x.to(torch.float64), bandwidth_x)
    L = gaussian_kernel(y.to(torch.float64), bandwidth_y)
    n = K.shape[-1]
    eye = torch.eye(n, dtype=K.dtype, device=K.device)
    if not unbiased:
        H = eye - 1 / n
        centred: Tensor = (K * (H @ L @ H)).sum((-1, -2)) / n**2
        return centred
    K, L = K * (1 - eye), L * (1 - eye)
    sums = K.sum((-1, -2)) * L.sum((-1, -2)) / ((n - 1) * (n - 2))
    cross = (K.sum(-1) * L.sum(-1)).sum(-1) * 2 / (n - 2)
    value: Tensor = ((K * L).sum((-1, -2)) + sums - cross) / (n * (n - 3))
    return value
