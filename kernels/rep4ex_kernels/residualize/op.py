"""`residualize`: checks, registration, derivatives of any order, dispatch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rep4ex_kernels._checks import (
    check_constant,
    check_finite,
    check_matrix,
    check_rows,
    check_same_device,
    check_same_rows,
    flatten_leading,
    leading_shape,
    working_dtype,
)
from rep4ex_kernels._dispatch import implementation, requested_backend
from rep4ex_kernels._registration import (
    apply,
    full_precision,
    known_signature,
    register_batched_vmap,
    runs_eagerly,
)
from rep4ex_kernels._threads import own_threads
from rep4ex_kernels.errors import KernelInputError
from rep4ex_kernels.residualize import paths, reference


@full_precision
@own_threads
def residualize(
    representation: Tensor,
    actions: Tensor,
    ridge: float = 0.0,
    weights: Tensor | None = None,
    *,
    backend: str | None = None,
) -> tuple[Tensor, Tensor]:
    """Residuals of the least-squares regression of the representation on [1, actions].

    minimise  sum_i w_i |phi_i - c - W' a_i|^2 + ridge |W|^2      (the intercept is not penalised)

    Args:
        representation: phi, (..., n, d), float16, bfloat16, float32 or float64.
        actions: (..., n, k), constants; leading dimensions broadcast with the representation's.
        ridge: at least 0, in units of squared actions summed over rows.
        weights: (..., n), at least 0, constants; None means ones.
        backend: "torch", "numba", "triton" or "reference" (dense, float64); None: the dispatch.

    Returns:
        residual (..., n, d) and coefficients (..., k + 1, d), the intercept first; float32 at
        least. Differentiable in the representation, any number of times (the map is linear).
        Dependent columns of the actions give minimum-norm coefficients and a
        `RankDeficientWarning` naming them; on a GPU it comes with a later call, or with
        `rank_warnings()`, as nothing here waits for the device. Actions of condition to 1e6 and any
        offset are safe.

    Raises:
        KernelInputError: wrong shape, dtype or device; n < k + 2; negative ridge or weights;
            NaN or infinity in CPU tensors (on a GPU they propagate).
        BackendError: the forced backend cannot run.

    Source: Rep4Ex (arXiv 2310.04295), Section 4: the linear fit of the representation on actions.
    """
    phi, a, w = _check(representation, actions, ridge, weights)
    request = requested_backend(backend)
    dtype = working_dtype(phi, a)
    shapes = {"representation": phi, "actions": a}
    if w is not None:
        shapes["weights"] = w[..., None]
    leading = leading_shape(**shapes)
    flat_phi, flat_a = flatten_leading(phi, leading, dtype), flatten_leading(a, leading, dtype)
    flat_w = None if w is None else flatten_leading(w[..., None], leading, dtype)[..., 0]
    if request == "reference":
        both = reference.residualize(flat_phi, flat_a, ridge, flat_w)
        residual, coefficients = both[0].to(dtype), both[1].to(dtype)
    else:
        function = _Eager if runs_eagerly(flat_phi, flat_a, flat_w) else _Residualize
        residual, coefficients = apply(function, flat_phi, flat_a, ridge, flat_w, request)
    k, d = a.shape[-1], phi.shape[-1]
    return residual.reshape(*leading, phi.shape[-2], d), coefficients.reshape(*leading, k + 1, d)


def _check(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    phi = check_matrix("representation", representation)
    a = check_matrix("actions", actions)
    check_same_rows("representation", phi, "actions", a)
    check_same_device("representation", phi, "actions", a)
    check_rows("actions", a, a.shape[-1] + 2, "k + 2")
    check_constant("actions", a)
    if not isinstance(ridge, int | float) or not 0 <= ridge < float("inf"):
        raise KernelInputError("ridge", "a finite number of at least 0", repr(ridge))
    if weights is None:
        return phi, a, None
    if not isinstance(weights, Tensor) or not weights.dtype.is_floating_point:
        raise KernelInputError("weights", "a real floating tensor (..., n)", type(weights).__name__)
    if weights.dim() < 1 or weights.shape[-1] != phi.shape[-2]:
        raise KernelInputError(
            "weights", f"shape (..., {phi.shape[-2]})", f"shape {tuple(weights.shape)}"
        )
    check_same_device("representation", phi, "weights", weights)
    check_constant("weights", weights)
    return phi, a, weights


def _checked_pass(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None, request: str
) -> tuple[Tensor, Tensor]:
    _check_values(representation, actions, weights)
    return paths.residualize_pass(representation, actions, ridge, weights, request)


def _check_values(representation: Tensor, actions: Tensor, weights: Tensor | None) -> None:
    check_finite("representation", representation)
    check_finite("actions", actions)
    if weights is not None:
        _check_weights(weights, actions.shape[-1])


def _check_weights(weights: Tensor, k: int) -> None:
    check_finite("weights", weights)
    if weights.device.type != "cpu" or weights.numel() == 0:
        return
    if float(weights.min()) < 0:
        raise KernelInputError("weights", "values of at least 0", float(weights.min()))
    positive = int(torch.count_nonzero(weights > 0, dim=-1).min())
    if positive < k + 2:
        raise KernelInputError("weights", f"at least k + 2 = {k + 2} rows above 0", positive)


_residualize_op = torch.library.custom_op("rep4ex::residualize", _checked_pass, mutates_args=())


@_residualize_op.register_fake
def _(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None, request: str
) -> tuple[Tensor, Tensor]:
    batches, _, d = representation.shape
    coefficients = representation.new_empty(batches, actions.shape[-1] + 1, d)
    return torch.empty_like(representation), coefficients


_adjoint_op = torch.library.custom_op(
    "rep4ex::residualize_adjoint", paths.residualize_adjoint, mutates_args=()
)


@_adjoint_op.register_fake
def _(
    grad_residual: Tensor,
    grad_coefficients: Tensor,
    actions: Tensor,
    ridge: float,
    weights: Tensor | None,
    request: str,
) -> Tensor:
    return torch.empty_like(grad_residual)


register_batched_vmap(_residualize_op)
register_batched_vmap(_adjoint_op)


class _Residualize(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(
        representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None, request: str
    ) -> tuple[Tensor, Tensor]:
        residual, coefficients = _residualize_op(representation, actions, ridge, weights, request)
        return residual, coefficients

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        _, actions, ctx.ridge, weights, ctx.request = inputs
        ctx.save_for_backward(actions, weights)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        actions, weights = ctx.saved_tensors
        gradient = apply(
            _Adjoint,
            grads[0].contiguous(),
            grads[1].contiguous(),
            actions,
            ctx.ridge,
            weights,
            ctx.request,
        )
        return gradient, None, None, None, None


class _Eager(torch.autograd.Function):
    """`_Residualize` without custom operators: the same numbers for less than half the overhead."""

    @staticmethod
    def forward(
        ctx: Any,
        representation: Tensor,
        actions: Tensor,
        ridge: float,
        weights: Tensor | None,
        request: str,
    ) -> tuple[Tensor, Tensor]:
        ctx.constants = actions, ridge, weights, request
        ctx.state = None
        ctx.backend = paths.chosen(request, actions)
        if ctx.backend == "torch":
            return _checked_pass(representation, actions, ridge, weights, request)
        if ctx.backend == "triton" or weights is not None:
            _check_values(representation, actions, weights)
        kept = implementation("residualize", ctx.backend).residualize_with_state(
            representation, actions, ridge, weights
        )
        if kept is None:  # not for the compiled CPU path, or not finite
            return _checked_pass(representation, actions, ridge, weights, request)
        residual, coefficients, ctx.state = kept
        return residual, coefficients

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        both = grads[0].contiguous(), grads[1].contiguous()
        if torch.is_grad_enabled():  # a second derivative may follow
            gradient = apply(_Adjoint, *both, *ctx.constants)
        elif ctx.state is not None:
            actions, _, weights, _ = ctx.constants
            gradient = implementation("residualize", ctx.backend).adjoint_with_state(
                *both, actions, weights, ctx.state
            )
        else:
            gradient = paths.residualize_adjoint(*both, *ctx.constants)
        return gradient, None, None, None, None


class _Adjoint(torch.autograd.Function):
    """The transpose of a linear map; its own transpose is the map again."""

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(
        grad_residual: Tensor,
        grad_coefficients: Tensor,
        actions: Tensor,
        ridge: float,
        weights: Tensor | None,
        request: str,
    ) -> Tensor:
        gradient: Tensor = _adjoint_op(
            grad_residual, grad_coefficients, actions, ridge, weights, request
        )
        return gradient

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, _, actions, ctx.ridge, weights, ctx.request = inputs
        ctx.save_for_backward(actions, weights)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        actions, weights = ctx.saved_tensors
        residual, coefficients = apply(
            _Residualize, grads[0].contiguous(), actions, ctx.ridge, weights, ctx.request
        )
        return residual, coefficients, None, None, None, None
