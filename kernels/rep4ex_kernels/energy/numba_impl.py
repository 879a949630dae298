"""Energy distance, compiled for the CPU."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from rep4ex_kernels._numba_pairs import ROOT
from rep4ex_kernels._numba_points import read_points
from rep4ex_kernels._numba_two_sample import Weighting, two_sample_pass
from rep4ex_kernels._radial import CLOSE_PAIRS


def energy_pass(
    x: Tensor, y: Tensor, unbiased: bool, precision: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return value (B,), grad_x (B, n, d), grad_y (B, m, d) of finite x, y.

    Direct differences leave nothing to trade: both precisions are the same.
    """
    batches, _, d = x.shape
    differences = d <= CLOSE_PAIRS
    a, b, _ = read_points(x.numpy(), y.numpy(), 0 if differences else 1)
    none = np.ones((batches, 1), np.float32)
    steps, slopes = np.zeros((batches, 1), np.int64), np.ones(batches)
    how = Weighting(ROOT, none, none, steps, differences, slopes, 0.0)
    return two_sample_pass(a, b, x, y, unbiased, how, -1.0)
