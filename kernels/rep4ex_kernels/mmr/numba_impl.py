"""Gaussian kernel product, compiled for the CPU."""

from __future__ import annotations

import math
from typing import Any

import torch
from numba import njit
from torch import Tensor

from rep4ex_kernels._numba_pairs import across
from rep4ex_kernels._numba_run import gaussian_products, sum_over_pairs


def kernel_product(
    points: Tensor, values: Tensor, bandwidth: Tensor, precision: str = "precise"
) -> Tensor:
    """Return U (B, n, d) for centred points (B, n, k), values (B, n, d), bandwidth (B,).

    Direct differences leave nothing to trade: both precisions are the same.
    """
    product = torch.empty_like(values)
    batches, n, _ = values.shape
    scales = (-math.log2(math.e) / 2) / bandwidth.double().square()[:, None]
    p, v = across(points.numpy(), 0), across(values.numpy(), 0)
    s = scales.float().numpy()

    def work(first: int, stride: int) -> tuple[Any]:
        return (gaussian_products(p, v, n, s, first, stride),)

    (total,) = sum_over_pairs(batches, n, n, work)
    _fill(total, values.numpy(), product.numpy())
    return product


@njit(nogil=True, cache=True)
def _fill(total: Any, values: Any, product: Any) -> None:
    """product (B, n, d) = total (B, d, n and more), and the values: a point's weight for itself."""
    batches, n, columns = values.shape
    for b in range(batches):
        for i in range(n):
            for c in range(columns):
                product[b, i, c] = total[b, c, i] + values[b, i, c]
