"""Energy distance and its gradients on the GPU: the radial pass of MMD with the distance itself.

    2 mean |x - y| - mean |x - x'| - mean |y - y'|        (Szekely and Rizzo 2013, eq. 2.1)

is MMD^2 with k = -|x - y|. Gradients at coincident points are zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_kernels._triton_helpers import check_float32
from rep4ex_kernels.mmd.triton_impl import radial_pass
from rep4ex_kernels.mmd.triton_kernel import DISTANCE


def energy_pass(
    x: Tensor, y: Tensor, unbiased: bool, precision: str = "precise"
) -> tuple[Tensor, Tensor, Tensor]:
    """Energy distance (B,) and its gradients (B, n, d), (B, m, d), all float32."""
    check_float32(x=x, y=y)
    unit = torch.ones((x.shape[0], 1), dtype=x.dtype, device=x.device)
    value, grad_x, grad_y = radial_pass(x, y, DISTANCE, unit, unbiased, precision)
    return value.float(), grad_x.float(), grad_y.float()
