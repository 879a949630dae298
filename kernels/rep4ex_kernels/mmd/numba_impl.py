"""MMD^2 of Gaussian kernels, compiled for the CPU; the other kernels are left to torch."""

from __future__ import annotations

import itertools
import math

from torch import Tensor

from rep4ex_kernels._numba_pairs import GAUSSIANS
from rep4ex_kernels._numba_run import Weighting
from rep4ex_kernels._numba_two_sample import two_sample_pass

_DOUBLED = 2  # squarings from a bandwidth to half of it
_NO_CHAIN = -1


def mmd_pass(
    x: Tensor, y: Tensor, kernel: str, bandwidths: Tensor, unbiased: bool, precision: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return value (B,), grad_x (B, n, d), grad_y (B, m, d) for centred x, y.

    Direct differences leave nothing to trade: both precisions are the same.
    """
    widths = [sorted(row, reverse=True) for row in bandwidths.double().tolist()]
    count = bandwidths.shape[1]
    # Sums of q kernels and their weights -1 / h^2; the mean is taken of the results.
    value, grad_x, grad_y = two_sample_pass(
        x, y, unbiased, float(count), lambda problem: _weighting(widths[problem])
    )
    return value / count, grad_x / count, grad_y / count


def _weighting(widths: list[float]) -> Weighting:
    steps = [_NO_CHAIN]
    for wide, narrow in itertools.pairwise(widths):
        doubled = math.isclose(wide, 2 * narrow, rel_tol=1e-12)
        steps.append(_DOUBLED if doubled else _NO_CHAIN)
    scales = [-math.log2(math.e) / (2 * h * h) for h in widths]
    return Weighting.make(GAUSSIANS, scales, [-1 / (h * h) for h in widths], steps)
