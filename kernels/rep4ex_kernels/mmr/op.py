"""`mmr_penalty`: checks, registration, derivatives of any order, dispatch.

U = K r comes from one pass and gives the value <r, U> / n^2 and the gradient 2 P U / n^2. The
value's own derivative is therefore taken as 2 U, and U as a function of r keeps its derivative for
the second order: `_QuadraticForm` and `_KernelProduct` below.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

from rep4ex_kernels._checks import (
    PRECISIONS,
    check_choice,
    check_constant,
    check_finite,
    check_matrix,
    check_positive,
    check_rows,
    check_same_device,
    check_same_rows,
    flatten_leading,
    leading_shape,
    working_dtype,
)
from rep4ex_kernels._conditioning import needs_float64
from rep4ex_kernels._dispatch import (
    BANDWIDTH,
    choose_backend,
    implementation,
    requested_backend,
    torch_instead,
)
from rep4ex_kernels._registration import (
    apply,
    full_precision,
    known_signature,
    register_batched_vmap,
    runs_eagerly,
)
from rep4ex_kernels._threads import own_threads
from rep4ex_kernels.bandwidth.op import read_bandwidth
from rep4ex_kernels.mmr import reference
from rep4ex_kernels.residualize.paths import action_basis

STATISTICS = ("v", "u")


@full_precision
@own_threads
def mmr_penalty(
    representation: Tensor,
    actions: Tensor,
    bandwidth: float | str | Tensor = "median",
    statistic: str = "v",
    *,
    precision: str = "precise",
    backend: str | None = None,
) -> Tensor:
    """Maximum moment restriction of the representation's residual given the actions.

    V: 1/n^2 sum_ij <r_i, r_j> k(a_i, a_j),  U: 1/(n (n - 1)) sum_{i != j} <r_i, r_j> (P K P)_ij,
    with r = P phi the residual of phi on [1, A] and k(a, a') = exp(-|a - a'|^2 / (2 h^2)). Zero
    in the population exactly where E[phi | A] is linear in A.

    Args:
        representation: phi, (..., n, d).
        actions: A, (..., n, k), constants; leading dimensions broadcast.
        bandwidth: h in units of the actions: "median" (of their pairwise distances), a number, or
            a tensor that broadcasts to the leading dimensions.
        statistic: "v", or "u", from which the noise's own contribution is left out; it may be
            negative.
        precision: "precise" (value to 1e-5, gradient to 1e-4 in float32) or "fast" (1e-3 for both;
            1e-4 for values on a CPU).
        backend: "torch", "numba", "triton" or "reference" (dense, float64); None: the dispatch.

    Returns:
        (...), float32 at least, in units of the representation squared. Differentiable in the
        representation any number of times. Memory is linear in n.

    Raises:
        KernelInputError: wrong shape, dtype, device, bandwidth; n < k + 2; NaN or infinity in CPU
            tensors (on a GPU they propagate).
        BackendError: the forced backend cannot run.

    Source: Muandet, Jitkrittum and Kuebler 2020, equation 9; Rep4Ex (arXiv 2310.04295), Section 4.
    """
    phi, a = check_pair(representation, actions)
    check_choice("statistic", statistic, STATISTICS)
    check_choice("precision", precision, PRECISIONS)
    request = requested_backend(backend)
    dtype = working_dtype(phi, a)
    leading = leading_shape(representation=phi, actions=a)
    h = read_bandwidth("bandwidth", bandwidth, a, leading)
    flat_phi, flat_a = flatten_leading(phi, leading, dtype), flatten_leading(a, leading, dtype)
    if request == "reference":
        value = reference.mmr_penalty(flat_phi, flat_a, h, statistic)
    elif runs_eagerly(flat_phi, flat_a):
        value = _eagerly(flat_phi, flat_a, h, statistic, precision, request)
    else:
        value = penalty_of_operations(flat_phi, flat_a, h, statistic, precision, request)
    return value.to(dtype).reshape(leading)


def _eagerly(
    phi: Tensor, actions: Tensor, bandwidth: Tensor, statistic: str, precision: str, request: str
) -> Tensor:
    """Return the penalty (B,) by the shortest way that the backend has."""
    k, d = actions.shape[-1], phi.shape[-1]
    name = choose_backend("mmr", request, phi.device, phi.dtype, k + d)
    if name == "triton":
        whole = importlib.import_module("rep4ex_kernels.mmr.triton_autograd")
        if whole.takes(k, d, statistic):
            value: Tensor = whole.penalty(phi, actions, bandwidth, statistic, precision, request)
            return value
    if statistic == "v":
        value = apply(_Eager, phi, actions, bandwidth, precision, request, name)
        return value
    return penalty_of_operations(phi, actions, bandwidth, statistic, precision, request)


def penalty_of_operations(
    phi: Tensor, actions: Tensor, bandwidth: Tensor, statistic: str, precision: str, request: str
) -> Tensor:
    """Return the penalty (B,) as operators that torch.func, torch.compile and autograd see."""
    points, basis = _basis_op(actions, request)
    return penalty_on_basis(phi, points, basis, bandwidth, statistic, precision, request)


def check_pair(representation: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Return both if a representation (..., n, d) and actions (..., n, k) fit together."""
    phi = check_matrix("representation", representation)
    a = check_matrix("actions", actions)
    check_same_rows("representation", phi, "actions", a)
    check_same_device("representation", phi, "actions", a)
    check_rows("actions", a, a.shape[-1] + 2, "k + 2")
    check_constant("actions", a)
    return phi, a


def penalty_on_basis(
    phi: Tensor,
    points: Tensor,
    basis: Tensor,
    bandwidth: Tensor,
    statistic: str,
    precision: str,
    request: str,
) -> Tensor:
    """Return the penalty (B,) in float64.

    phi (B, n, d), points (B, n, k) centred actions, basis (B, n, k + 1) orthonormal of [1, A],
    bandwidth (B,).
    """
    n, d = phi.shape[1], phi.shape[2]
    residual: Tensor = apply(_Residual, phi, basis)
    if statistic == "v":
        product = apply(_KernelProduct, points, residual, bandwidth, precision, request)
        value: Tensor = apply(_QuadraticForm, residual, product)
        return value / n**2
    both = torch.cat([residual, basis], dim=2)
    products = apply(_KernelProduct, points, both, bandwidth, precision, request)
    value = apply(_QuadraticForm, residual, products[:, :, :d])
    diagonal = projected_diagonal(basis, products[:, :, d:].detach())
    return (value - (residual.square().sum(2) * diagonal).sum(1)) / (n * (n - 1))


def projected_diagonal(basis: Tensor, kernel_basis: Tensor) -> Tensor:
    """Return the diagonal of P K P (B, n) from Q and K Q, both (B, n, k + 1)."""
    middle = basis.mT @ kernel_basis
    return 1 - 2 * (basis * kernel_basis).sum(2) + (basis @ middle * basis).sum(2)


def _basis(actions: Tensor, request: str) -> tuple[Tensor, Tensor]:
    check_finite("actions", actions)
    return action_basis(actions, request)


_basis_op = torch.library.custom_op("rep4ex::action_basis", _basis, mutates_args=())


@_basis_op.register_fake
def _(actions: Tensor, request: str) -> tuple[Tensor, Tensor]:
    batches, n, k = actions.shape
    return torch.empty_like(actions), actions.new_empty(batches, n, k + 1, dtype=torch.float64)


def _kernel_product(
    points: Tensor, values: Tensor, bandwidth: Tensor, precision: str, request: str
) -> Tensor:
    """K values in float64, computed in the dtype of the points where that is accurate enough."""
    check_positive("bandwidth", bandwidth)
    check_finite("representation", values)
    dtype = points.dtype
    width = points.shape[-1] + values.shape[-1]
    name = choose_backend("mmr", request, points.device, dtype, width)
    if name != "triton" and needs_float64(points, bandwidth, precision):
        dtype, name = torch.float64, torch_instead("mmr", request, BANDWIDTH)
    run = implementation("mmr", name).kernel_product
    # The Triton path takes values in float64: the U-statistic's diagonal cancels.
    wide = values if name == "triton" else values.to(dtype)
    product: Tensor = run(points.to(dtype), wide.contiguous(), bandwidth.to(dtype), precision)
    return product.to(torch.float64)


_kernel_product_op = torch.library.custom_op(
    "rep4ex::kernel_product", _kernel_product, mutates_args=()
)


@_kernel_product_op.register_fake
def _(points: Tensor, values: Tensor, bandwidth: Tensor, precision: str, request: str) -> Tensor:
    return torch.empty_like(values, memory_format=torch.contiguous_format)


register_batched_vmap(_basis_op)
register_batched_vmap(_kernel_product_op)


def _project(phi: Tensor, basis: Tensor) -> Tensor:
    """Return P phi (B, n, d) in float64."""
    wide = phi.to(torch.float64)
    wide = wide - wide.mean(1, keepdim=True)  # exact where the mean is large
    return torch.baddbmm(wide, basis, basis.mT @ wide, alpha=-1)


class _Residual(torch.autograd.Function):
    """P phi in float64; P is symmetric, so the backward pass is the forward pass.

    As one function it is half as long on the way back as the operations that it is made of.
    """

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(phi: Tensor, basis: Tensor) -> Tensor:
        return _project(phi, basis)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        phi, basis = inputs
        ctx.dtype = phi.dtype
        ctx.save_for_backward(basis)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (basis,) = ctx.saved_tensors
        return apply(_Residual, grads[0], basis).to(ctx.dtype), None


class _KernelProduct(torch.autograd.Function):
    """U = K V; K is symmetric, so the backward pass is the forward pass."""

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(
        points: Tensor, values: Tensor, bandwidth: Tensor, precision: str, request: str
    ) -> Tensor:
        product: Tensor = _kernel_product_op(points, values, bandwidth, precision, request)
        return product

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        points, _, bandwidth, ctx.precision, ctx.request = inputs
        ctx.save_for_backward(points, bandwidth)
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        if grads[0] is None:  # the first order comes whole from _QuadraticForm
            return None, None, None, None, None
        points, bandwidth = ctx.saved_tensors
        back = apply(
            _KernelProduct, points, grads[0].contiguous(), bandwidth, ctx.precision, ctx.request
        )
        return None, back, None, None, None


class _QuadraticForm(torch.autograd.Function):
    """<r, U> with U = K r: its whole derivative is 2 U, and none is left for U."""

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(residual: Tensor, product: Tensor) -> Tensor:
        return (residual * product).sum((-1, -2))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (product,) = ctx.saved_tensors
        return 2 * grads[0][..., None, None] * product, None


class _Eager(torch.autograd.Function):
    """The V-statistic in one function, without custom operators; the second order as elsewhere."""

    @staticmethod
    def forward(
        ctx: Any,
        phi: Tensor,
        actions: Tensor,
        bandwidth: Tensor,
        precision: str,
        request: str,
        name: str,
    ) -> Tensor:
        ctx.save_for_backward(phi, actions, bandwidth)
        ctx.precision, ctx.request = precision, request
        found, differentiate = None, ctx.needs_input_grad[0]
        if name == "numba":
            run = implementation("mmr", "numba").penalty_with_gradient
            found = run(phi.detach(), actions, bandwidth, precision, differentiate)
        if found is None:
            found = _value_and_gradient(phi, actions, bandwidth, precision, request, differentiate)
        value: Tensor
        value, ctx.gradient = found
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        if torch.is_grad_enabled():  # a second derivative may follow
            phi, actions, bandwidth = ctx.saved_tensors
            value = penalty_of_operations(phi, actions, bandwidth, "v", ctx.precision, ctx.request)
            (gradient,) = torch.autograd.grad(value, phi, grads[0], create_graph=True)
        else:
            gradient = ctx.gradient * grads[0].to(ctx.gradient.dtype)[:, None, None]
        return gradient, None, None, None, None, None


def _value_and_gradient(
    phi: Tensor,
    actions: Tensor,
    bandwidth: Tensor,
    precision: str,
    request: str,
    differentiate: bool,
) -> tuple[Tensor, Tensor | None]:
    """Return <r, K r> / n^2 (B,) in float64 and 2 P K r / n^2 in the dtype of phi, if any."""
    points, basis = _basis(actions, request)
    residual = _project(phi, basis)
    product = _kernel_product(points, residual, bandwidth, precision, request)
    count = phi.shape[1] ** 2
    value = (residual * product).sum((1, 2)) / count
    if not differentiate:
        return value, None
    return value, (_project(product, basis) * (2 / count)).to(phi.dtype)
