"""The penalty in one call, and the Gaussian kernel product, compiled for the CPU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rep4ex_kernels._numba_pairs import across
from rep4ex_kernels._numba_points import LIMITS, read_points, widths_fit
from rep4ex_kernels._numba_run import Array, gaussian_products, sum_over_pairs
from rep4ex_kernels.residualize.numba_impl import adjoint_with_state, residualize_with_state


def penalty_with_gradient(
    phi: Tensor, actions: Tensor, bandwidth: Tensor, precision: str, differentiate: bool
) -> tuple[Tensor, Tensor | None] | None:
    """Return the V-statistic <r, K r> / n^2 (B,) in float64 and its gradient 2 P K r / n^2, if any.

    phi (B, n, d), actions (B, n, k), bandwidth (B,). None for what is not finite, for actions that
    `residualize_pass` leaves to torch, and for bandwidths that float32 is not enough for.
    """
    a = actions.numpy()
    widths = bandwidth.double().numpy()[:, None]
    points, _, spread = read_points(a, a[:, :0], 0)
    if not widths_fit(spread, widths, LIMITS[precision][0], math.inf):
        return None
    fitted = residualize_with_state(phi, actions, 0.0, None)
    if fitted is None:
        return None
    residual, coefficients, equations = fitted
    product = torch.empty_like(residual)
    total = _product_of_others(points, residual.numpy(), widths)
    value = torch.from_numpy(_fill(total, residual.numpy(), product.numpy()))
    n = phi.shape[1]
    if not differentiate:
        return value / n**2, None
    back = adjoint_with_state(product, torch.zeros_like(coefficients), actions, None, equations)
    return value / n**2, back.mul_(2 / n**2)


def kernel_product(
    points: Tensor, values: Tensor, bandwidth: Tensor, precision: str = "precise"
) -> Tensor:
    """Return U (B, n, d) for centred points (B, n, k), values (B, n, d), bandwidth (B,).

    Direct differences leave nothing to trade: both precisions are the same.
    """
    product = torch.empty_like(values)
    widths = bandwidth.double().numpy()[:, None]
    total = _product_of_others(across(points.numpy()), values.numpy(), widths)
    _fill(total, values.numpy(), product.numpy())
    return product


def _product_of_others(points: Array, values: Array, widths: Array) -> Array:
    """Return sum_(j != i) k_ij v_j (B, d, n and more); points (B, k, n and more), widths (B, 1)."""
    batches, n, _ = values.shape
    scales = (-math.log2(math.e) / 2 / widths**2).astype(np.float32)
    v = across(values)

    def work(first: int, stride: int) -> tuple[Any]:
        return (gaussian_products(points, v, n, scales, first, stride),)

    (total,) = sum_over_pairs(batches, n, n, work)
    found: Array = total
    return found


@njit(nogil=True, cache=True)
def _fill(total: Any, values: Any, product: Any) -> Any:
    """product (B, n, d) = total (B, d, n and more) + values: a point's weight for itself is one.

    Returns <values, product> (B,).
    """
    batches, n, columns = values.shape
    inner = np.zeros(batches)
    for b in range(batches):
        for i in range(n):
            for c in range(columns):
                value = np.float64(total[b, c, i]) + values[b, i, c]
                product[b, i, c] = value
                inner[b] += value * values[b, i, c]
    return inner
