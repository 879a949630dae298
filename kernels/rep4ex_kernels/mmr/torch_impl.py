"""Gaussian kernel product in tiles: U_i = sum_j exp(-|p_i - p_j|^2 / (2 h^2)) v_j.

Only tiles on and above the diagonal are computed, each used for both sides. Values and results lie
as (d, n), so both updates are matrix products on contiguous rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_kernels._threads import sum_in_threads
from rep4ex_kernels._tiles import (
    Factors,
    TileBuffer,
    scale_points,
    shares,
    square_dtype,
    upper_tiles,
)


def kernel_product(
    points: Tensor, values: Tensor, bandwidth: Tensor, precision: str = "precise"
) -> Tensor:
    """Return U (B, n, d) for centred points (B, n, k), values (B, n, d), bandwidth (B,)."""
    product = torch.empty_like(values)
    for problem, h in enumerate(bandwidth.tolist()):
        product[problem] = _product(scale_points(points[problem], h), values[problem], precision)
    return product


def _product(scaled: Tensor, values: Tensor, precision: str) -> Tensor:
    squares = square_dtype(scaled, values.dtype, precision)
    factors = Factors(scaled, squares)
    # With one column .contiguous() keeps strides (1, 1), a leading dimension cuBLASLt refuses.
    across = values.T.clone(memory_format=torch.contiguous_format)

    def work(first: int, stride: int) -> tuple[Tensor]:
        buffer = TileBuffer(values.dtype, squares, values.device)
        total = torch.zeros_like(across)
        for rows, columns, diagonal in upper_tiles(len(scaled), first, stride):
            kernel = buffer.exponents(factors.left[rows], factors.right[:, columns]).exp2_()
            if diagonal:
                kernel.fill_diagonal_(1.0)
            else:
                total[:, columns].addmm_(across[:, rows], kernel)
            total[:, rows].addmm_(across[:, columns], kernel.T)
        return (total,)

    (product,) = sum_in_threads(shares(scaled, len(scaled)), work)
    transposed: Tensor = product.T
    return transposed
