"""`energy_distance`: checks, registration, derivatives, dispatch."""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_kernels._checks import PRECISIONS, check_choice, check_finite
from rep4ex_kernels._dispatch import choose_backend, implementation, requested_backend
from rep4ex_kernels._radial import CLOSE_PAIRS
from rep4ex_kernels._registration import full_precision, register_batched_vmap, runs_eagerly
from rep4ex_kernels._threads import own_threads
from rep4ex_kernels._two_sample import (
    centre_together,
    eager_value,
    read_samples,
    with_gradients,
)
from rep4ex_kernels.energy import reference

STATISTICS = ("v", "u")


@full_precision
@own_threads
def energy_distance(
    x: Tensor,
    y: Tensor,
    statistic: str = "v",
    *,
    precision: str = "precise",
    backend: str | None = None,
) -> Tensor:
    """Energy distance: 2 mean|x - y| - mean|x - x'| - mean|y - y'|.

    Args:
        x: (..., n, d).
        y: (..., m, d), in the same units; leading dimensions broadcast.
        statistic: "v" over all pairs, at least 0; "u", unbiased, leaves out pairs of a point with
            itself.
        precision: "precise" or "fast" (float32: value to 1e-4, gradient to 1e-3).
        backend: "torch", "numba", "triton" or "reference" (dense, float64); None: the dispatch.

    Returns:
        (...), float32 at least, in the units of x. First derivatives in x and y (zero for
        coincident points); a second one raises `SecondDerivativeError`. Memory is linear in n, m.

    Raises:
        KernelInputError: wrong shape, dtype or device; no rows, or one for "u"; NaN or infinity in
            CPU tensors (on a GPU they propagate).
        BackendError: the forced backend cannot run.

    Source: Szekely and Rizzo 2013 (J. Stat. Plan. Inference 143), equation 5.
    """
    check_choice("statistic", statistic, STATISTICS)
    check_choice("precision", precision, PRECISIONS)
    unbiased = statistic == "u"
    samples = read_samples(x, y, 2 if unbiased else 1, f"statistic {statistic!r}", True)
    request = requested_backend(backend)
    if request == "reference":
        value = reference.energy_distance(samples.x, samples.y, unbiased)
    elif runs_eagerly(samples.x, samples.y):

        def run(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            return _energy_pass(x, y, unbiased, precision, request)

        value = eager_value(samples.x, samples.y, run, "energy_distance")
    else:
        results = _energy_op(samples.x.detach(), samples.y.detach(), unbiased, precision, request)
        value = with_gradients(samples.x, samples.y, results, "energy_distance")
    return value.to(samples.dtype).reshape(samples.leading)


def _energy_pass(
    x: Tensor, y: Tensor, unbiased: bool, precision: str, request: str
) -> tuple[Tensor, Tensor, Tensor]:
    check_finite("x", x)
    check_finite("y", y)
    name = choose_backend("energy", request, x.device, x.dtype, x.shape[-1])
    run = implementation("energy", name).energy_pass
    if name != "torch":  # centres by itself
        value, grad_x, grad_y = run(x, y, unbiased, precision)
        return value, grad_x, grad_y
    a, b = centre_together(x, y)
    if precision == "precise" and x.shape[-1] <= CLOSE_PAIRS:
        a, b = a.to(torch.float64), b.to(torch.float64)
    results = run(a, b, unbiased, precision)
    value, grad_x, grad_y = (result.to(x.dtype).contiguous() for result in results)
    return value, grad_x, grad_y


_energy_op = torch.library.custom_op("rep4ex::energy_pass", _energy_pass, mutates_args=())


@_energy_op.register_fake
def _(
    x: Tensor, y: Tensor, unbiased: bool, precision: str, request: str
) -> tuple[Tensor, Tensor, Tensor]:
    return x.new_empty(x.shape[0]), torch.empty_like(x), torch.empty_like(y)


register_batched_vmap(_energy_op)
