"""HSIC, compiled for the CPU: row sums of both kernels, then value and gradients.

Formulas as in `torch_impl`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rep4ex_kernels._numba_pairs import (
    COLUMNS,
    GAUSSIAN,
    GROUP,
    ROWS,
    accumulate,
    gaussian_rows,
)
from rep4ex_kernels._numba_run import Array, Weighting, across, symmetric, with_ones
from rep4ex_kernels._threads import sum_in_threads


def hsic_pass(
    x: Tensor,
    y: Tensor,
    bandwidth_x: Tensor,
    bandwidth_y: Tensor,
    unbiased: bool,
    precision: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return value (B,), grad_x (B, n, p), grad_y (B, n, q) for centred x and y.

    Direct differences leave nothing to trade: both precisions are the same.
    """
    value = x.new_empty(len(x))
    grad_x, grad_y = torch.empty_like(x), torch.empty_like(y)
    widths = zip(bandwidth_x.tolist(), bandwidth_y.tolist(), strict=True)
    for problem, (h_x, h_y) in enumerate(widths):
        a, b = across(x[problem]), across(y[problem])
        one = _criterion(a, b, h_x, h_y, unbiased)
        value[problem], grad_x[problem], grad_y[problem] = one
    return value, grad_x, grad_y


def _criterion(
    x: Array, y: Array, h_x: float, h_y: float, unbiased: bool
) -> tuple[float, Tensor, Tensor]:
    n = x.shape[1]
    factor = 1 / (n * (n - 3)) if unbiased else 1 / n**2
    scales = [np.float32(-math.log2(math.e) / (2 * h * h)) for h in (h_x, h_y)]
    rows_x, shift_x, sums_x, _ = _centring(x, float(scales[0]), unbiased)
    rows_y, shift_y, _, rounding_y = _centring(y, float(scales[1]), unbiased)
    columns_x, columns_y = with_ones(x), with_ones(y)

    def work(first: int, stride: int) -> tuple[Array, Array, float]:
        out_x, out_y = np.zeros_like(columns_x), np.zeros_like(columns_y)
        own = centred_sums(
            columns_x, columns_y, scales[0], scales[1], rows_x, rows_y, shift_x, shift_y,
            unbiased, first, stride, out_x, out_y,
        )  # fmt: skip
        return out_x, out_y, float(own)

    total_x, total_y, own = sum_in_threads(-(-n // ROWS), work)
    # Rounding of beta is the same in every pair and does not average out; take it back.
    value = float(total_x[0].sum(dtype=np.float64)) + own + float(sums_x @ rounding_y)
    grad_x = (x * total_x[:1] - total_x[1:]) * np.float32(-2 * factor / h_x**2)
    grad_y = (y * total_y[:1] - total_y[1:]) * np.float32(-2 * factor / h_y**2)
    return value * factor, torch.from_numpy(grad_x).T, torch.from_numpy(grad_y).T


def _centring(
    points: Array, scale: float, unbiased: bool
) -> tuple[Array, Array, NDArray[np.float64], NDArray[np.float64]]:
    """Return alpha l (n,), alpha l - beta, l in float64, and what rounding did to the two."""
    n = points.shape[1]
    ones = np.ones((1, n), np.float32)
    total, _ = symmetric(points, ones, Weighting.make(GAUSSIAN, [scale]))
    rows = total[0].astype(np.float64) - (1 if unbiased else 0)
    mass = float(rows.sum())
    if unbiased:
        alpha, beta = 1 / (n - 2), mass / ((n - 1) * (n - 2))
    else:
        alpha, beta = 1 / n, mass / n**2
    scaled, shifted = (alpha * rows).astype(np.float32), (alpha * rows - beta).astype(np.float32)
    rounding = scaled.astype(np.float64) + shifted - (2 * alpha * rows - beta)
    return scaled, shifted, rows, rounding


@njit(fastmath=True)
def centre_rows(K: Any, L: Any, k: Any, l: Any, ki: Any, li: Any) -> None:  # noqa: E741
    """K, L = K (L - l_j - li), L (K - k_j - ki)."""
    for j in range(len(K)):
        a, b = K[j], L[j]
        K[j] = a * (b - l[j] - li)
        L[j] = b * (a - k[j] - ki)


@njit(fastmath=True, nogil=True, cache=True)
def centred_sums(
    x: Any, y: Any, scale_x: Any, scale_y: Any, rows_x: Any, rows_y: Any, shift_x: Any,
    shift_y: Any, unbiased: Any, first: Any, stride: Any, out_x: Any, out_y: Any,
) -> Any:  # fmt: skip
    """Add the centred weights times [1, points] to out_x (1 + p, n) and out_y (1 + q, n).

    x and y hold ones in their first row, which adds nothing to differences. The weights of points
    with themselves are left out: they do not pull, and would only leave rounding. Returns their sum
    for the value.
    """
    n = x.shape[1]
    K, L = np.empty((GROUP, COLUMNS), np.float32), np.empty((GROUP, COLUMNS), np.float32)
    tile_x = np.zeros((len(x), COLUMNS), np.float32)
    tile_y = np.zeros((len(y), COLUMNS), np.float32)
    own_x, own_y = np.zeros((GROUP, len(x)), np.float32), np.zeros((GROUP, len(y)), np.float32)
    acc_x, acc_y = np.zeros((GROUP, len(x)), np.float32), np.zeros((GROUP, len(y)), np.float32)
    points_x, points_y = x[1:], y[1:]
    own = 0.0
    for block in range(first, (n + ROWS - 1) // ROWS, stride):
        row = block * ROWS
        last = min(row + ROWS, n)
        column = row
        while column < n:
            both = column != row
            count = min(COLUMNS if both else ROWS, n - column)
            stop = column + count
            tile_x[:, :count] = np.float32(0)
            tile_y[:, :count] = np.float32(0)
            for i in range(row, last, GROUP):
                rows = min(GROUP, last - i)
                gaussian_rows(points_x, i, rows, points_x, column, scale_x, K, count)
                gaussian_rows(points_y, i, rows, points_y, column, scale_y, L, count)
                for g in range(rows):
                    kg, lg = K[g, :count], L[g, :count]
                    if unbiased and not both:
                        kg[i + g - column] = np.float32(0)
                        lg[i + g - column] = np.float32(0)
                    centre_rows(
                        kg, lg, rows_x[column:stop], rows_y[column:stop], shift_x[i + g],
                        shift_y[i + g],
                    )  # fmt: skip
                    if not both:
                        own += kg[i + g - column]
                        kg[i + g - column] = np.float32(0)
                        lg[i + g - column] = np.float32(0)
                    own_x[g, :] = x[:, i + g]
                    own_y[g, :] = y[:, i + g]
                accumulate(K, count, x, column, own_x, acc_x, tile_x, both)
                accumulate(L, count, y, column, own_y, acc_y, tile_y, both)
                for g in range(rows):
                    out_x[:, i + g] += acc_x[g]
                    out_y[:, i + g] += acc_y[g]
            if both:
                out_x[:, column:stop] += tile_x[:, :count]
                out_y[:, column:stop] += tile_y[:, :count]
            column += count
    return own
