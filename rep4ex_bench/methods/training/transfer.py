"""How values of the host reach the device in training."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Move a tensor of the host; neither side waits for the other.

    A copy from ordinary memory would make the host wait until a GPU has done all it was given.
    """
    if device.type == "cpu":
        return values
    return values.pin_memory().to(device, non_blocking=True)
