"""Median of the pairwise distances as written, float64, all pairs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def median_bandwidth(x: Tensor) -> Tensor:
    """Return the median over i < j of |x_i - x_j| for x (n, k), float64."""
    points = x.to(torch.float64)
    squares = (points[:, None] - points[None]).square().sum(-1)
    rows, columns = np.triu_indices(len(points), 1)
    return torch.tensor(np.median(squares[rows, columns].sqrt().numpy()))
