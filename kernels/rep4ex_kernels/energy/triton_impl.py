"""Energy distance and its gradients on the GPU: the radial pass of MMD with the distance itself.

    2 mean |x - y| - mean |x - x'| - mean |y - y'|        (Szekely and Rizzo 2013, eq. 2.1)

is MMD^2 with k = -|x - y|. Gradients at coincident points are zero.
"""

from __future__ import annotations

from torch import Tensor

from rep4ex_kernels.mmd.triton_impl import radial_pass
from rep4ex_kernels.mmd.triton_state import DISTANCE


def energy_pass(
    x: Tensor, y: Tensor, unbiased: bool, precision: str = "precise"
) -> tuple[Tensor, Tensor, Tensor]:
    """Energy distance (B,) and its gradients (B, n, d), (B, m, d), all float32."""
    return radial_pass(x, y, DISTANCE.value, None, unbiased, precision)
