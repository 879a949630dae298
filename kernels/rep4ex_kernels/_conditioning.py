"""When float32 is not enough: bandwidths that are very wide or very narrow for the data.

Wide: where the kernel is nearly one everywhere, what counts is how it departs from one: the
projection on the complement of [1, A], the centring of HSIC and the difference of MMD all cancel
the ones. The departure goes with t, the mean of |x - y|^2 / (2 h^2), its part that is left after
projection with t^2, so float32's 6e-8 is a relative error of 6e-8 / t^2 there.

Narrow: a gradient x_i (w 1)_i - (w x)_i in which only points about h apart count cancels the digits
of |x| / h.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SMALLEST_EXPONENT = 0.15
_LARGEST_SPREAD = 300.0  # max |x|^2 / h^2


def needs_float64(points: Tensor, bandwidth: Tensor) -> bool:
    """Say whether the bandwidth is too wide for float32 in any problem.

    points (B, n, k) centred, bandwidth (B,). While a CUDA graph is captured the answer is no: the
    device cannot be asked.
    """
    if _cannot_ask(points):
        return False
    exponents = points.square().sum(2).mean(1) / bandwidth.to(points.dtype).square()
    return bool((exponents < _SMALLEST_EXPONENT).any())


def gradient_needs_float64(points: Tensor, bandwidths: Tensor) -> bool:
    """Say whether bandwidths (B, q) are too wide or too narrow for gradients, in float32.

    Of several bandwidths the narrow ones depart from one and carry the wide ones.
    """
    if _cannot_ask(points):
        return False
    norms = points.square().sum(2)
    squares = bandwidths.to(points.dtype).square()
    narrow = norms.amax(1) > _LARGEST_SPREAD * squares.amin(1)
    departure = (norms.mean(1, keepdim=True) / squares).clamp_max(1).mean(1)
    return bool((narrow | (departure < _SMALLEST_EXPONENT)).any())


def _cannot_ask(points: Tensor) -> bool:
    return points.numel() == 0 or (points.is_cuda and torch.cuda.is_current_stream_capturing())
