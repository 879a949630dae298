"""What the losses of two tensors share: reading the arguments, centring, tying in the gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels._checks import (
    check_matrix,
    check_rows,
    check_same_device,
    flatten_leading,
    leading_shape,
    working_dtype,
)
from rep4ex_kernels._registration import FirstDerivativeOnly, apply, known_signature
from rep4ex_kernels.errors import KernelInputError


class TwoSamples(NamedTuple):
    """x (B, n, p) and y (B, m, q), contiguous, of one dtype."""

    x: Tensor
    y: Tensor
    leading: torch.Size
    dtype: torch.dtype


def read_samples(x: Tensor, y: Tensor, minimum: int, why: str, same_columns: bool) -> TwoSamples:
    """Check and flatten x (..., n, p) and y (..., m, q).

    Raises:
        KernelInputError: wrong type, shape, dtype or device; fewer than `minimum` rows.
    """
    x, y = check_matrix("x", x), check_matrix("y", y)
    check_same_device("x", x, "y", y)
    check_rows("x", x, minimum, why)
    check_rows("y", y, minimum, why)
    if same_columns and x.shape[-1] != y.shape[-1]:
        raise KernelInputError(
            "y", f"{x.shape[-1]} columns, as x", f"{y.shape[-1]} columns (shape {tuple(y.shape)})"
        )
    dtype, leading = working_dtype(x, y), leading_shape(x=x, y=y)
    return TwoSamples(
        flatten_leading(x, leading, dtype), flatten_leading(y, leading, dtype), leading, dtype
    )


def centre_together(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Subtract one shift from both; see `centre`."""
    both = centre(torch.cat([x, y], dim=1))
    return both[:, : x.shape[1]].contiguous(), both[:, x.shape[1] :].contiguous()


def centre(x: Tensor) -> Tensor:
    """Subtract the mean, rounded to the dtype, from columns whose mean is large for their spread.

    There the subtraction is exact. Elsewhere it would round, and rounding of 1e-7 is enough to turn
    round the direction between two points that nearly coincide.
    """
    if not x.numel():
        return x
    variance, mean = torch.var_mean(x, dim=1, correction=0, keepdim=True)
    large = mean.square() > 4 * variance
    return x - torch.where(large, mean, 0.0)


# What computes the value (B,) of samples x (B, n, p), y (B, m, q) and its gradients, in one pass.
Pass = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def eager_value(x: Tensor, y: Tensor, run: Pass, name: str) -> Tensor:
    """Return the value (B,) of a pass, differentiable once, without custom operators.

    For tensors of which `runs_eagerly` is true; the numbers are those of `with_gradients`.
    """
    value: Tensor = apply(_Eager, x, y, run, name)
    return value


class _Eager(torch.autograd.Function):
    """Value and gradients in the forward pass; the backward pass scales the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, run: Pass, name: str) -> Tensor:
        value, grad_x, grad_y = run(x, y)
        ctx.save_for_backward(x, y, grad_x, grad_y)
        ctx.name = name
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, y, grad_x, grad_y = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative may follow
            grad_x = apply(FirstDerivativeOnly, grad_x, x, y, ctx.name)
            grad_y = apply(FirstDerivativeOnly, grad_y, x, y, ctx.name)
        upstream = grads[0][:, None, None]
        to_x = grad_x * upstream if ctx.needs_input_grad[0] else None
        to_y = grad_y * upstream if ctx.needs_input_grad[1] else None
        return to_x, to_y, None, None


def with_gradients(
    x: Tensor, y: Tensor, results: tuple[Tensor, Tensor, Tensor], name: str
) -> Tensor:
    """Return the value (B,) with the gradients that came with it as its derivative."""
    value: Tensor = apply(_WithGradients, x, y, *results, name)
    return value


class _WithGradients(torch.autograd.Function):
    """Identity on the value; its derivative was computed in the same pass."""

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(
        x: Tensor, y: Tensor, value: Tensor, grad_x: Tensor, grad_y: Tensor, name: str
    ) -> Tensor:
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, y, _, grad_x, grad_y, ctx.name = inputs
        ctx.save_for_backward(x, y, grad_x, grad_y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, y, grad_x, grad_y = ctx.saved_tensors
        upstream = grads[0][..., None, None]
        to_x = apply(FirstDerivativeOnly, grad_x, x, y, ctx.name) * upstream
        to_y = apply(FirstDerivativeOnly, grad_y, x, y, ctx.name) * upstream
        return to_x, to_y, None, None, None, None
