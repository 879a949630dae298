"""MMD^2 of Gaussian kernels, compiled for the CPU; the other kernels are left to torch."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from rep4ex_kernels._numba_pairs import GAUSSIANS
from rep4ex_kernels._numba_points import LIMITS, read_points, widths_fit
from rep4ex_kernels._numba_two_sample import Weighting, two_sample_pass

_DOUBLED = 2  # squarings from a bandwidth to half of it


def mmd_pass(
    x: Tensor, y: Tensor, kernel: str, bandwidths: Tensor, unbiased: bool, precision: str
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return value (B,), grad_x (B, n, d), grad_y (B, m, d).

    None for what is not finite, and for bandwidths (B, q) that float32 is not enough for.

    Direct differences leave nothing to trade: both precisions are the same.
    """
    widths = -np.sort(-bandwidths.double().numpy(), 1)  # the widest first
    squares, count = widths**2, widths.shape[1]
    a, b, spread = read_points(x.numpy(), y.numpy(), 1)
    if not widths_fit(spread, widths, *LIMITS[precision]):
        return None
    steps = np.zeros(widths.shape, np.int64)
    if count > 1:
        doubled = np.abs(widths[:, :-1] / widths[:, 1:] - 2) <= 1e-12
        steps[:, 1:] = _DOUBLED * doubled
    scales = (-math.log2(math.e) / 2 / squares).astype(np.float32)
    factors = (squares[:, :1] / squares).astype(np.float32)
    how = Weighting(GAUSSIANS, scales, factors, steps, False, -1 / squares[:, 0], float(count))
    # The sums are over all kernels; what is asked for is their mean.
    return two_sample_pass(a, b, x, y, unbiased, how, 1 / count)
