"""What inputs of ops are made from."""

from __future__ import annotations

import torch
from torch import Tensor


def bent(actions: Tensor, d: int) -> Tensor:
    """A smooth function (..., d) of the actions (..., k) that no linear one comes near."""
    phases = torch.arange(d, dtype=actions.dtype)
    return torch.cos(actions.mean(-1, keepdim=True) * actions.shape[-1] ** 0.5 + phases)


def representation(actions: Tensor, noise: Tensor, strength: float) -> Tensor:
    """A representation (..., n, d) that depends on the actions (..., n, k), not only linearly."""
    return noise + strength * (actions.sum(-1, True) + bent(actions, noise.shape[-1]))
