"""Median of the pairwise distances as written, float64, all pairs."""

from __future__ import annotations

import torch
from torch import Tensor


def median_bandwidth(x: Tensor) -> Tensor:
    """Return the median over i < j of |x_i - x_j| for x (n, k), float64."""
    points = x.to(torch.float64)
    squares = (points[:, None] - points[None]).square().sum(-1)
    rows, columns = torch.triu_indices(len(points), len(points), 1)
    distances = squares[rows, columns].sqrt().sort().values
    pairs = len(distances)
    return (distances[(pairs - 1) // 2] + distances[pairs // 2]) / 2
