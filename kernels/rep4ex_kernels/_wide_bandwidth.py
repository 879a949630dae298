"""When float32 is not enough because the bandwidth is wide.

Where the kernel is nearly one everywhere, what counts is how it departs from one: the projection on
the complement of [1, A], the centring of HSIC and the difference of MMD all cancel the ones.
The departure goes with t, the mean of |x - y|^2 / (2 h^2), its part that is left after projection
with t^2, so float32's 6e-8 is a relative error of 6e-8 / t^2 there.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SMALLEST_EXPONENT = 0.15


def needs_float64(points: Tensor, bandwidth: Tensor) -> bool:
    """Say whether any problem's mean exponent is small.

    points (B, n, k) centred, bandwidth (B,). While a CUDA graph is captured the answer is no: the
    device cannot be asked.
    """
    if points.numel() == 0:
        return False
    if points.is_cuda and torch.cuda.is_current_stream_capturing():
        return False
    exponents = points.square().sum(2).mean(1) / bandwidth.to(points.dtype).square()
    return bool((exponents < _SMALLEST_EXPONENT).any())
