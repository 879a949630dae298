"""The MMR penalty on the GPU as one autograd function: the short way of eager calls.

A second derivative goes the long way round through the operations of ``op.py``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rep4ex_kernels._rank_flags import MOST_COLUMNS
from rep4ex_kernels._registration import apply
from rep4ex_kernels.mmr import triton_unbiased
from rep4ex_kernels.mmr.triton_impl import penalty_pass
from rep4ex_kernels.residualize.triton_impl import moments_and_state


def takes(k: int, d: int, statistic: str) -> bool:
    """Say whether a problem of k actions and d columns fits the kernels whole."""
    return k <= MOST_COLUMNS and (statistic == "v" or triton_unbiased.takes(k, d))


def penalty(
    phi: Tensor,
    actions: Tensor,
    bandwidth: Tensor,
    statistic: str,
    precision: str,
    request: str,
    state: Tensor | None = None,
) -> Tensor:
    """Return the penalty (B,) of phi (B, n, d), actions (B, n, k), bandwidth (B,) float64.

    A state of the actions that is known already (`action_state`) saves the V-statistic a launch.
    """
    value: Tensor = apply(_Penalty, phi, actions, bandwidth, statistic, precision, request, state)
    return value


def action_state(actions: Tensor) -> Tensor:
    """Return what the kernels need of actions (B, n, k) alone, (B, size) float64."""
    return moments_and_state(actions, actions, None, 0.0)[1]


class _Penalty(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        phi: Tensor,
        actions: Tensor,
        bandwidth: Tensor,
        statistic: str,
        precision: str,
        request: str,
        state: Tensor | None,
    ) -> Tensor:
        if statistic == "v":
            ctx.found = penalty_pass(phi, actions, bandwidth, precision, state)
        else:
            ctx.found = triton_unbiased.unbiased_pass(phi, actions, bandwidth, precision)
        ctx.save_for_backward(phi, actions, bandwidth)
        ctx.options = statistic, precision, request
        value: Tensor = ctx.found.value
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        phi, actions, bandwidth = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative may follow
            from rep4ex_kernels.mmr.op import penalty_of_operations  # noqa: PLC0415 - op imports us

            value = penalty_of_operations(phi, actions, bandwidth, *ctx.options)
            (gradient,) = torch.autograd.grad(
                value, phi, grads[0].to(value.dtype), create_graph=True
            )
        else:
            gradient = ctx.found.gradient(actions, grads[0])
        return gradient, None, None, None, None, None, None
