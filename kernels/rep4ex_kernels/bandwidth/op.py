"""`median_bandwidth`, and the reading of bandwidth arguments by the other ops."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from rep4ex_kernels._checks import (
    check_finite,
    check_matrix,
    check_positive,
    check_positive_number,
    check_rows,
)
from rep4ex_kernels._registration import full_precision, register_batched_vmap
from rep4ex_kernels.errors import KernelInputError

MAX_ROWS = 2000
_SEED = 0
_REMEDY = "more than half of the pairs of rows coincide: pass a bandwidth as a number"


@full_precision
def median_bandwidth(x: Tensor) -> Tensor:
    """Median of the pairwise Euclidean distances, the usual bandwidth of a Gaussian kernel.

    It costs more than a loss of the same rows: take it once per training set and pass the result
    to the losses, whose bandwidth "median" takes it anew at every call. Never waits for a GPU.

    Args:
        x: (..., n, k), in the units of the bandwidth; n at least 2.

    Returns:
        (...), in the dtype of x (float32 at least); a constant, not differentiated. Above 2,000
        rows a fixed random subset of 2,000 is used, the same for the same n, so that memory does
        not grow with n.

    Raises:
        KernelInputError: wrong shape or dtype; NaN or infinity; a median of zero.

    Source: Gretton et al. 2012 (JMLR 13), Section 8: the median heuristic.
    """
    points = check_matrix("x", x)
    check_rows("x", points, 2, "a distance takes two")
    leading = points.shape[:-2]
    dtype = torch.promote_types(points.dtype, torch.float32)
    flat = points.detach().reshape(-1, *points.shape[-2:]) if leading else points.detach()[None]
    median: Tensor = _median_op(flat.to(dtype).contiguous())
    return median.reshape(leading)


@torch.library.custom_op("rep4ex::median_bandwidth", mutates_args=())
def _median_op(x: Tensor) -> Tensor:
    check_finite("x", x)
    n = x.shape[1]
    wide = x.to(torch.float64)
    if n > MAX_ROWS:
        wide = wide[:, _subset(n, x.device)]
    wide = wide - wide.mean(1, keepdim=True)
    portion = max(1, MAX_ROWS**2 // max(wide.shape[1] ** 2, 1))
    medians = _medians if x.device.type == "cpu" else _medians_of_squares
    median = x.new_empty(len(x))
    for start in range(0, len(x), portion):
        median[start : start + portion] = medians(wide[start : start + portion])
    check_positive("median bandwidth of x", median, _REMEDY)
    return median


def _medians(points: Tensor) -> Tensor:
    """Return medians (B,) of the pairwise distances of points (B, n, k)."""
    each = [torch.pdist(problem) for problem in points]
    distances = torch.stack(each) if len(each) > 1 else each[0][None]
    pairs = distances.shape[1]
    low = distances.kthvalue((pairs + 1) // 2, dim=1, keepdim=True).values
    # The next in order: the same again where it is repeated, else the least one above it.
    above = torch.where(distances > low, distances, torch.inf).amin(1, keepdim=True)
    repeated = (distances <= low).sum(1, keepdim=True) > pairs // 2
    high = low if pairs % 2 else torch.where(repeated, low, above)
    return ((low + high) / 2)[:, 0]


def _medians_of_squares(points: Tensor) -> Tensor:
    """The same in four operations, as a GPU takes them; `pdist` has no batches.

    In order, a matrix of distances (n, n) is the n zeros of its diagonal and each pair twice.
    """
    n = points.shape[1]
    pairs = n * (n - 1) // 2
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    # Not `kthvalue`, which gives a problem to one multiprocessor.
    ordered = distances.flatten(1).sort(1).values
    return (ordered[:, n + 2 * ((pairs - 1) // 2)] + ordered[:, n + 2 * (pairs // 2)]) / 2


@functools.lru_cache(maxsize=16)
def _subset(n: int, device: torch.device) -> Tensor:
    """Return sorted rows of the fixed subset. Kept, as CUDA graphs cannot capture the transfer."""
    generator = torch.Generator("cpu").manual_seed(_SEED)
    rows = torch.randperm(n, generator=generator, device="cpu")[:MAX_ROWS]
    return rows.sort().values.to(device)


@_median_op.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[0])


register_batched_vmap(_median_op)


def read_bandwidth(
    argument: str, value: float | str | Tensor, x: Tensor, leading: torch.Size
) -> Tensor:
    """Return a bandwidth (B,) in float64 for points x (..., n, k) broadcast to `leading`.

    Raises:
        KernelInputError: neither "median", a positive number nor a tensor that broadcasts.
    """
    if isinstance(value, str):
        if value != "median":
            raise KernelInputError(argument, "'median', a number or a tensor", repr(value))
        width = median_bandwidth(x)
    elif isinstance(value, Tensor):
        if value.is_complex() or value.dtype == torch.bool:
            raise KernelInputError(argument, "a real tensor", value.dtype)
        width = value.detach().to(x.device)
    else:
        number = check_positive_number(argument, value)
        return torch.full((leading.numel(),), number, dtype=torch.float64, device=x.device)
    if width.dim() > len(leading) or any(
        mine not in (1, theirs)
        for mine, theirs in zip(reversed(width.shape), reversed(leading), strict=False)
    ):
        raise KernelInputError(
            argument, f"a shape that broadcasts to {tuple(leading)}", f"shape {tuple(width.shape)}"
        )
    return width.to(torch.float64).expand(leading).reshape(-1).contiguous()
