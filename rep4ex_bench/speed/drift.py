"""The drift alarm: a kernel of a few milliseconds that never changes, timed all along."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rep4ex_bench.speed.clock import Step
from rep4ex_bench.speed.problem import Tensors

_SIDE = 384
_POWERS = 8


def drift_reference(device: str) -> tuple[Step, list[Tensors]]:
    """Return the step and its inputs: one product and some powers of two, nothing to cache."""
    inputs = torch.full((_SIDE, _SIDE), 1 / _SIDE, device=device)

    def step(matrix: Tensor) -> Sequence[Tensor]:
        product = matrix @ matrix
        for _ in range(_POWERS):
            product = torch.exp2(-product)
        return (product,)

    return step, [(inputs,)]
