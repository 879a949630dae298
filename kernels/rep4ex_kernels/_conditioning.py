"""When float32 is not enough: bandwidths that are very wide or very narrow for the data.

Wide: where the kernel is nearly one everywhere, what counts is how it departs from one: the
projection on the complement of [1, A], the centring of HSIC and the difference of MMD all cancel
the ones. The departure goes with t, the mean of |x - y|^2 / (2 h^2), its part that is left after
projection with t^2, so float32's 6e-8 is a relative error of 6e-8 / t^2 there.

Narrow: a gradient x_i (w 1)_i - (w x)_i in which only points about h apart count cancels the digits
of |x| / h.

The torch and Numba paths then need float64. The Triton kernels do not: they remove the ones and the
tangent before anything is rounded, and take differences of near points directly.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_kernels._least_squares import may_ask

SMALLEST_EXPONENT = {"precise": 0.15, "fast": 0.05}
LARGEST_SPREAD = {"precise": 300.0, "fast": 3000.0}  # max |x|^2 / h^2


def needs_float64(points: Tensor, bandwidth: Tensor, precision: str) -> bool:
    """Say whether the bandwidth is too wide for float32 in any problem.

    points (B, n, k) centred, bandwidth (B,). False for points in float64, and while a
    CUDA graph is captured: the device cannot be asked.
    """
    if _no_question(points):
        return False
    exponents = _squared_norms(points).mean(1) / bandwidth.to(points.dtype).square()
    return bool((exponents < SMALLEST_EXPONENT[precision]).any())


def gradient_needs_float64(points: Tensor, bandwidths: Tensor, precision: str) -> bool:
    """Say whether bandwidths (B, q) are too wide or too narrow for gradients, in float32.

    Of several bandwidths the narrow ones depart from one and carry the wide ones.
    """
    if _no_question(points):
        return False
    norms = _squared_norms(points)
    squares = bandwidths.to(points.dtype).square()
    narrow = norms.amax(1) > LARGEST_SPREAD[precision] * squares.amin(1)
    departure = (norms.mean(1, keepdim=True) / squares).clamp_max(1).mean(1)
    return bool((narrow | (departure < SMALLEST_EXPONENT[precision])).any())


def _squared_norms(points: Tensor) -> Tensor:
    """|x|^2 (B, n) without a copy of the points."""
    norms: Tensor = torch.linalg.vector_norm(points, dim=2)
    return norms.square()


def _no_question(points: Tensor) -> bool:
    if points.dtype == torch.float64:
        return True
    return points.numel() == 0 or not may_ask(points)
