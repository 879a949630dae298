"""`mmd2`: checks, registration, derivatives, dispatch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rep4ex_kernels._checks import (
    PRECISIONS,
    check_choice,
    check_finite,
    check_positive,
    check_positive_number,
)
from rep4ex_kernels._conditioning import gradient_needs_float64
from rep4ex_kernels._dispatch import (
    BANDWIDTH,
    choose_backend,
    implementation,
    requested_backend,
    torch_instead,
)
from rep4ex_kernels._radial import CLOSE_PAIRS
from rep4ex_kernels._registration import full_precision, register_batched_vmap, runs_eagerly
from rep4ex_kernels._threads import own_threads
from rep4ex_kernels._two_sample import (
    centre_together,
    eager_value,
    read_samples,
    with_gradients,
)
from rep4ex_kernels.bandwidth.op import read_bandwidth
from rep4ex_kernels.energy.op import energy_distance
from rep4ex_kernels.errors import KernelInputError
from rep4ex_kernels.mmd import reference

KERNELS = ("gaussian", "laplace", "imq", "energy")
STATISTICS = ("v", "u")


@full_precision
@own_threads
def mmd2(
    x: Tensor,
    y: Tensor,
    kernel: str = "gaussian",
    bandwidths: float | str | Sequence[float] | Tensor = "median",
    statistic: str = "v",
    *,
    precision: str = "precise",
    backend: str | None = None,
) -> Tensor:
    """Squared maximum mean discrepancy: mean k(x, x') + mean k(y, y') - 2 mean k(x, y).

    Args:
        x: (..., n, d).
        y: (..., m, d), in the same units; leading dimensions broadcast.
        kernel: "gaussian" exp(-r^2 / (2 h^2)), "laplace" exp(-r / h), "imq" (inverse multiquadric)
            (1 + r^2 / h^2)^(-1/2), or "energy" -r, which makes it the energy distance. r is the
            Euclidean distance.
        bandwidths: h in the units of x: a number, several (the kernel is their mean; a chain of
            doublings is cheapest), "median" of the pooled sample, or a tensor (q,) or (..., q).
            Not used by "energy".
        statistic: "v" over all pairs, at least 0; "u", unbiased, leaves out pairs of a point with
            itself.
        precision: "precise" or "fast" (float32: value to 1e-4, gradient to 1e-3).
        backend: "torch", "numba", "triton" or "reference" (dense, float64); None: the dispatch.

    Returns:
        (...), float32 at least. First derivatives in x and y; a second one raises
        `SecondDerivativeError`. Memory is linear in n and m.

    Raises:
        KernelInputError: wrong shape, dtype, device, kernel or bandwidth; no rows, or one for
            "u"; NaN or infinity in CPU tensors (on a GPU they propagate).
        BackendError: the forced backend cannot run.

    Source: Gretton et al. 2012 (JMLR 13), equations 3 (unbiased) and 5 (biased).
    """
    check_choice("kernel", kernel, KERNELS)
    check_choice("statistic", statistic, STATISTICS)
    check_choice("precision", precision, PRECISIONS)
    if kernel == "energy":
        return energy_distance(x, y, statistic, precision=precision, backend=backend)
    unbiased = statistic == "u"
    samples = read_samples(x, y, 2 if unbiased else 1, f"statistic {statistic!r}", True)
    request = requested_backend(backend)
    widths = _read_bandwidths(bandwidths, samples.x, samples.y, samples.leading)
    if request == "reference":
        value = reference.mmd2(samples.x, samples.y, kernel, widths, unbiased)
    elif runs_eagerly(samples.x, samples.y):

        def run(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return _mmd_pass(x, y, kernel, widths, unbiased, precision, request)

        value = eager_value(samples.x, samples.y, run, "mmd2")
    else:
        results = _mmd_op(
            samples.x.detach(), samples.y.detach(), kernel, widths, unbiased, precision, request
        )
        value = with_gradients(samples.x, samples.y, results, "mmd2")
    return value.to(samples.dtype).reshape(samples.leading)


def _read_bandwidths(
    value: float | str | Sequence[float] | Tensor, x: Tensor, y: Tensor, leading: torch.Size
) -> Tensor:
    """Return bandwidths (B, q) in float64."""
    if isinstance(value, str):
        pooled = torch.cat([x, y], dim=1)
        return read_bandwidth("bandwidths", value, pooled, torch.Size([len(x)]))[:, None]
    if not isinstance(value, Tensor | int | float):
        if not value:
            raise KernelInputError("bandwidths", "at least one bandwidth", "none")
        if all(isinstance(one, int | float) for one in value):
            numbers = [check_positive_number("bandwidths", one) for one in value]
            widths = x.new_empty((len(x), len(numbers)), dtype=torch.float64)
            for column, number in enumerate(numbers):
                widths[:, column].fill_(number)
            return widths
        columns = [read_bandwidth("bandwidths", one, x, leading) for one in value]
        return torch.stack(columns, dim=1)
    if isinstance(value, Tensor) and value.dim():
        width = [
            read_bandwidth("bandwidths", value[..., q], x, leading) for q in range(value.shape[-1])
        ]
        if not width:
            raise KernelInputError("bandwidths", "at least one bandwidth", tuple(value.shape))
        return torch.stack(width, dim=1)
    return read_bandwidth("bandwidths", value, x, leading)[:, None]


def _mmd_pass(
    x: Tensor,
    y: Tensor,
    kernel: str,
    bandwidths: Tensor,
    unbiased: bool,
    precision: str,
    request: str,
) -> tuple[Tensor, Tensor, Tensor]:
    op = "mmd" if kernel == "gaussian" else f"mmd {kernel}"
    name = choose_backend(op, request, x.device, x.dtype, x.shape[-1])
    if name == "numba":  # checks and centres by itself, and answers None where it must not go on
        run = implementation("mmd", name).mmd_pass
        found = run(x, y, kernel, bandwidths, unbiased, precision)
        if found is not None:
            value, grad_x, grad_y = found
            return value, grad_x, grad_y
    check_finite("x", x)
    check_finite("y", y)
    check_positive("bandwidths", bandwidths)
    if name == "numba":
        name = torch_instead(op, request, BANDWIDTH)
    run = implementation("mmd", name).mmd_pass
    if name == "triton":  # centres by itself
        value, grad_x, grad_y = run(x, y, kernel, bandwidths, unbiased, precision)
        return value, grad_x, grad_y
    (a, b), dtype = centre_together(x, y), x.dtype
    close = kernel == "laplace" and x.shape[-1] <= CLOSE_PAIRS and precision == "precise"
    if close or gradient_needs_float64(torch.cat([a, b], dim=1), bandwidths, precision):
        dtype = torch.float64
    results = run(a.to(dtype), b.to(dtype), kernel, bandwidths.to(dtype), unbiased, precision)
    value, grad_x, grad_y = (result.to(x.dtype).contiguous() for result in results)
    return value, grad_x, grad_y


_mmd_op = torch.library.custom_op("rep4ex::mmd_pass", _mmd_pass, mutates_args=())


@_mmd_op.register_fake
def _(
    x: Tensor,
    y: Tensor,
    kernel: str,
    bandwidths: Tensor,
    unbiased: bool,
    precision: str,
    request: str,
) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape[0]), torch.empty_like(x), torch.empty_like(y)


register_batched_vmap(_mmd_op)
