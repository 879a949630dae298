"""`hsic`: checks, registration, derivatives, dispatch."""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_kernels._checks import (
    PRECISIONS,
    check_choice,
    check_finite,
    check_positive,
    check_same_rows,
)
from rep4ex_kernels._conditioning import gradient_needs_float64
from rep4ex_kernels._dispatch import (
    BANDWIDTH,
    choose_backend,
    implementation,
    requested_backend,
    torch_instead,
)
from rep4ex_kernels._registration import full_precision, register_batched_vmap, runs_eagerly
from rep4ex_kernels._threads import own_threads
from rep4ex_kernels._two_sample import centre, eager_value, read_samples, with_gradients
from rep4ex_kernels.bandwidth.op import read_bandwidth
from rep4ex_kernels.hsic import reference

STATISTICS = ("biased", "unbiased")


@full_precision
@own_threads
def hsic(
    x: Tensor,
    y: Tensor,
    bandwidth_x: float | str | Tensor = "median",
    bandwidth_y: float | str | Tensor = "median",
    statistic: str = "biased",
    *,
    precision: str = "precise",
    backend: str | None = None,
) -> Tensor:
    """Hilbert-Schmidt independence criterion of paired samples, Gaussian kernels.

    biased: tr(K H L H) / n^2. unbiased: Song et al. 2012; may be negative.

    Args:
        x: (..., n, p).
        y: (..., n, q), row i paired with row i of x; leading dimensions broadcast.
        bandwidth_x: of x, in its units: "median", a number, or a tensor that broadcasts to the
            leading dimensions. A constant: the median is not differentiated.
        bandwidth_y: of y.
        statistic: "biased" or "unbiased".
        precision: "precise" or "fast" (float32: value to 1e-4, gradient to 1e-3).
        backend: "torch", "numba", "triton" or "reference" (dense, float64); None: the dispatch.

    Returns:
        (...), float32 at least. First derivatives in x and y; a second one raises
        `SecondDerivativeError`. Memory is linear in n.

    Raises:
        KernelInputError: wrong shape, dtype, device or bandwidth; fewer than 2 rows (4 for
            "unbiased"); NaN or infinity in CPU tensors (on a GPU they propagate).
        BackendError: the forced backend cannot run.

    Source: Gretton et al. 2005 (ALT), equation 9; Song et al. 2012 (JMLR 13), equation 5.
    """
    check_choice("statistic", statistic, STATISTICS)
    check_choice("precision", precision, PRECISIONS)
    unbiased = statistic == "unbiased"
    samples = read_samples(x, y, 4 if unbiased else 2, f"statistic {statistic!r}", False)
    check_same_rows("x", samples.x, "y", samples.y)
    request = requested_backend(backend)
    flat = torch.Size([len(samples.x)])
    h_x, h_y = (
        read_bandwidth(name, value, points, flat if isinstance(value, str) else samples.leading)
        for name, value, points in (
            ("bandwidth_x", bandwidth_x, samples.x),
            ("bandwidth_y", bandwidth_y, samples.y),
        )
    )
    if request == "reference":
        value = reference.hsic(samples.x, samples.y, h_x, h_y, unbiased)
    elif runs_eagerly(samples.x, samples.y):

        def run(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return _hsic_pass(x, y, h_x, h_y, unbiased, precision, request)

        value = eager_value(samples.x, samples.y, run, "hsic")
    else:
        results = _hsic_op(
            samples.x.detach(), samples.y.detach(), h_x, h_y, unbiased, precision, request
        )
        value = with_gradients(samples.x, samples.y, results, "hsic")
    return value.to(samples.dtype).reshape(samples.leading)


def _hsic_pass(
    x: Tensor,
    y: Tensor,
    bandwidth_x: Tensor,
    bandwidth_y: Tensor,
    unbiased: bool,
    precision: str,
    request: str,
) -> tuple[Tensor, Tensor, Tensor]:
    name = choose_backend("hsic", request, x.device, x.dtype, x.shape[-1] + y.shape[-1])
    if name == "numba":  # checks and centres by itself, and answers None where it must not go on
        run = implementation("hsic", name).hsic_pass
        found = run(x, y, bandwidth_x, bandwidth_y, unbiased, precision)
        if found is not None:
            value, grad_x, grad_y = found
            return value, grad_x, grad_y
    check_finite("x", x)
    check_finite("y", y)
    check_positive("bandwidth_x", bandwidth_x)
    check_positive("bandwidth_y", bandwidth_y)
    if name == "numba":
        name = torch_instead("hsic", request, BANDWIDTH)
    run = implementation("hsic", name).hsic_pass
    if name == "triton":  # centres by itself
        value, grad_x, grad_y = run(x, y, bandwidth_x, bandwidth_y, unbiased, precision)
        return value, grad_x, grad_y
    a, b = centre(x), centre(y)
    pairs, dtype = ((a, bandwidth_x), (b, bandwidth_y)), x.dtype
    if any(gradient_needs_float64(points, width[:, None], precision) for points, width in pairs):
        dtype = torch.float64
    widths = (bandwidth_x.to(dtype), bandwidth_y.to(dtype))
    results = run(a.to(dtype), b.to(dtype), *widths, unbiased, precision)
    value, grad_x, grad_y = (result.to(x.dtype).contiguous() for result in results)
    return value, grad_x, grad_y


_hsic_op = torch.library.custom_op("rep4ex::hsic_pass", _hsic_pass, mutates_args=())


@_hsic_op.register_fake
def _(
    x: Tensor,
    y: Tensor,
    bandwidth_x: Tensor,
    bandwidth_y: Tensor,
    unbiased: bool,
    precision: str,
    request: str,
) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape[0]), torch.empty_like(x), torch.empty_like(y)


register_batched_vmap(_hsic_op)
