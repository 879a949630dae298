"""Energy distance as written, dense, float64 (Szekely and Rizzo 2013, equation 5).

2 mean|x - y| - mean|x - x'| - mean|y - y'|
"""

from __future__ import annotations

import torch
from torch import Tensor


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Return |x_i - y_j| (..., n, m); its gradient where the distance is zero is zero."""
    squares = (x[..., :, None, :] - y[..., None, :, :]).square().sum(-1)
    zero = squares == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, squares).sqrt())


def energy_distance(x: Tensor, y: Tensor, unbiased: bool) -> Tensor:
    """Return the energy distance (...) in float64 for x (..., n, d), y (..., m, d)."""
    x, y = x.to(torch.float64), y.to(torch.float64)
    value = 2 * distances(x, y).mean((-1, -2))
    for points in (x, y):
        n = points.shape[-2]
        pairs = n * (n - 1) if unbiased else n * n
        value = value - distances(points, points).sum((-1, -2)) / pairs
    return value
