"""Steps of contenders that are torch functions with autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rep4ex_bench.speed.contender import Step
from rep4ex_bench.speed.workload import Workload


def autograd_step(workload: Workload, value_of: Callable[..., Tensor]) -> Step:
    """Return the step of a function of the op's inputs that returns its value.

    Where the op has a cotangent, it is the last input and is pulled back through the value; the
    function does not get it.
    """
    differentiable = workload.spec.differentiable

    def forward(*inputs: Tensor) -> Sequence[Tensor]:
        return (value_of(*inputs),)

    def both(*inputs: Tensor) -> Sequence[Tensor]:
        leaves = list(inputs)
        for position in differentiable:
            leaves[position] = inputs[position].detach().requires_grad_()
        value = value_of(*leaves)
        gradients = torch.autograd.grad(value.sum(), [leaves[p] for p in differentiable])
        return (value.detach(), *gradients)

    def forward_without_cotangent(*inputs: Tensor) -> Sequence[Tensor]:
        return (value_of(*inputs[:-1]),)

    def both_by_cotangent(*inputs: Tensor) -> Sequence[Tensor]:
        leaves = list(inputs[:-1])
        for position in differentiable:
            leaves[position] = inputs[position].detach().requires_grad_()
        value = value_of(*leaves)
        gradients = torch.autograd.grad(value, [leaves[p] for p in differentiable], inputs[-1])
        return (value.detach(), *gradients)

    if workload.spec.has_cotangent:
        return both_by_cotangent if workload.needs_gradient else forward_without_cotangent
    return both if workload.needs_gradient else forward
