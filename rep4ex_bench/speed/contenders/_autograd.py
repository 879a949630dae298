"""Steps of contenders that are torch functions with autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rep4ex_bench.speed.contender import Step
from rep4ex_bench.speed.workload import Workload


def autograd_step(workload: Workload, value_of: Callable[..., Tensor]) -> Step:
    """Return the step of a function of the op's inputs that returns its value.

    For `residualize` the value is the residual, which the last input, the cotangent, is pulled
    back through; the function does not get it.
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

    def forward_of_residual(representation: Tensor, actions: Tensor, _: Tensor) -> Sequence[Tensor]:
        return (value_of(representation, actions),)

    def both_of_residual(
        representation: Tensor, actions: Tensor, cotangent: Tensor
    ) -> Sequence[Tensor]:
        leaf = representation.detach().requires_grad_()
        residual = value_of(leaf, actions)
        (gradient,) = torch.autograd.grad(residual, leaf, cotangent)
        return residual.detach(), gradient

    if workload.op == "residualize":
        return both_of_residual if workload.needs_gradient else forward_of_residual
    return both if workload.needs_gradient else forward
