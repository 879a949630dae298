"""Layers of many replicas at once: batched products on columns of observations.

    y[r] = s(W[r] x[r] + c[r])      W (B, o, i), x (B, i, b), c (B, o, 1)

Observations lie along the last axis, where the matrix library is fast for narrow codes too. No
operation mixes replicas, and none of them depends on how many there are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rep4ex_bench.methods.training.networks import LEAK

Weights = Mapping[str, Tensor]


def affine(rows: Tensor, weight: Tensor, bias: Tensor, *, bend: bool = False) -> Tensor:
    """Return W x + c, (B, o, b), through a leaky ReLU if `bend`."""
    result: Tensor = _Affine.apply(rows, weight, bias, bend)  # type: ignore[no-untyped-call]
    return result


class _Affine(torch.autograd.Function):
    # One node a layer: no copy of the bias to the size of the result, and the activation in place.
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, bend: bool) -> Tensor:
        out = torch.bmm(weight, rows).add_(bias)
        if bend:
            torch.nn.functional.leaky_relu_(out, LEAK)
        ctx.bend = bend
        ctx.save_for_backward(rows, weight, out if bend else None)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        rows, weight, out = ctx.saved_tensors
        grad = grads[0]
        if ctx.bend:  # a leaky ReLU keeps the sign, so its result tells the slope
            grad = torch.ops.aten.leaky_relu_backward(grad, out, LEAK, True)
        to_rows = torch.bmm(weight.mT, grad) if ctx.needs_input_grad[0] else None
        # of the two products that give it, the one with the longer rows is faster
        if weight.shape[1] > weight.shape[2]:
            to_weight = torch.bmm(rows, grad.mT).mT
        else:
            to_weight = torch.bmm(grad, rows.mT)
        return to_rows, to_weight, grad.sum(2, keepdim=True), None


def draw_affine(
    name: str, into: int, out: int, generator: torch.Generator, scale: float = 1.0
) -> dict[str, Tensor]:
    """Return the initial weights of one replica's layer: Kaiming uniform, biases like torch's."""
    gain = torch.nn.init.calculate_gain("leaky_relu", LEAK)
    weight, bias = torch.empty(out, into), torch.empty(out, 1)
    for values, bound in (
        (weight, gain * math.sqrt(3 / into)),
        (bias, 1 / math.sqrt(into)),
    ):
        values.uniform_(-bound, bound, generator=generator).mul_(scale)
    return {f"{name}.weight": weight, f"{name}.bias": bias}


def draw_mlp(
    name: str, widths: list[int], generator: torch.Generator, last_scale: float = 1.0
) -> dict[str, Tensor]:
    """Return the initial weights of one replica's leaky-ReLU network with a linear last layer."""
    weights: dict[str, Tensor] = {}
    last = len(widths) - 2
    for layer in range(last + 1):
        scale = last_scale if layer == last else 1.0
        into, out = widths[layer], widths[layer + 1]
        weights |= draw_affine(f"{name}.{layer}", into, out, generator, scale)
    return weights


def run_mlp(name: str, layers: int, weights: Weights, rows: Tensor) -> Tensor:
    """Return the network drawn by `draw_mlp` with `layers` layers at rows (B, i, b)."""
    for layer in range(layers):
        rows = affine(
            rows,
            weights[f"{name}.{layer}.weight"],
            weights[f"{name}.{layer}.bias"],
            bend=layer < layers - 1,
        )
    return rows
