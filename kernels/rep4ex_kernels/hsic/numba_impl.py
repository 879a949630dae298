"""HSIC, compiled for the CPU: row sums of both kernels, then value and gradients.

Formulas as in `torch_impl`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rep4ex_kernels._numba_lanes import (
    LANES,
    every,
    exp2,
    load,
    spread,
    store,
    total,
    where_positive,
)
from rep4ex_kernels._numba_loops import GROUP, ZERO, accumulate, exclude, squares
from rep4ex_kernels._numba_pairs import COLUMNS, ROWS, blocks, lines
from rep4ex_kernels._numba_points import LIMITS, read_points, widths_fit
from rep4ex_kernels._numba_run import Array, gaussian_products, sum_over_pairs, turn


def hsic_pass(
    x: Tensor,
    y: Tensor,
    bandwidth_x: Tensor,
    bandwidth_y: Tensor,
    unbiased: bool,
    precision: str,
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return value (B,), grad_x (B, n, p), grad_y (B, n, q).

    None for what is not finite, and for bandwidths (B,) that float32 is not enough for.

    Direct differences leave nothing to trade: both precisions are the same.
    """
    batches, n, _ = x.shape
    widths = [width.double().numpy()[:, None] for width in (bandwidth_x, bandwidth_y)]
    a, _, spread_x = read_points(x.numpy(), x.numpy()[:, :0], 1)
    b, _, spread_y = read_points(y.numpy(), y.numpy()[:, :0], 1)
    limits = LIMITS[precision]
    if not (widths_fit(spread_x, widths[0], *limits) and widths_fit(spread_y, widths[1], *limits)):
        return None
    value = x.new_empty(batches)
    grad_x, grad_y = torch.empty_like(x), torch.empty_like(y)
    squares = [width**2 for width in widths]
    s, t = ((-math.log2(math.e) / 2 / square).astype(np.float32) for square in squares)

    def row_sums(first: int, stride: int) -> tuple[Array, Array]:
        return (
            gaussian_products(a[:, 1:], a[:, :1], n, s, first, stride),
            gaussian_products(b[:, 1:], b[:, :1], n, t, first, stride),
        )

    sums_x, sums_y = sum_over_pairs(batches, n, n, row_sums)
    centring = _centring(sums_x, sums_y, n, unbiased)

    def work(first: int, stride: int) -> tuple[Array, ...]:
        sums: tuple[Array, ...] = _centred_sums(a, b, n, s, t, centring, first, stride)
        return sums

    total_x, total_y, products = sum_over_pairs(batches, n, n, work)
    factor = 1 / (n * (n - 3)) if unbiased else 1 / n**2
    _finish(a, total_x, squares[0], factor, grad_x.numpy())
    _finish(b, total_y, squares[1], factor, grad_y.numpy())
    criterion = 2 * products if unbiased else 2 * products + _own(centring, n)
    value.copy_(torch.from_numpy(criterion * factor))
    return value, grad_x, grad_y


@njit(nogil=True, cache=True)
def _centring(sums_x: Any, sums_y: Any, n: Any, unbiased: Any) -> Any:
    """Return alpha k, alpha k - beta, alpha l, alpha l - beta (B, 4, n and more).

    sums (B, 1, n and more) are row sums of K and L without the diagonal.
    """
    batches, own = len(sums_x), 0.0 if unbiased else 1.0
    out = lines(batches, 4, n)
    for b in range(batches):
        for side, sums in enumerate((sums_x[b, 0], sums_y[b, 0])):
            mass = n * own
            for i in range(n):
                mass += sums[i]
            alpha, beta = 1 / n, mass / n**2
            if unbiased:
                alpha, beta = 1 / (n - 2), mass / ((n - 1) * (n - 2))
            for i in range(n):
                scaled = alpha * (sums[i] + own)
                out[b, 2 * side, i], out[b, 2 * side + 1, i] = scaled, scaled - beta
    return out


@njit(nogil=True, cache=True)
def _own(centring: Any, n: Any) -> Any:
    """Return the sum of the products of the centred kernels of points with themselves (B,)."""
    out = np.zeros(len(centring))
    for b in range(len(centring)):
        for i in range(n):
            k = 1 - np.float64(centring[b, 0, i]) - centring[b, 1, i]
            out[b] += k * (1 - np.float64(centring[b, 2, i]) - centring[b, 3, i])
    return out


@njit(forceinline=True)
def centred_weights(
    K: Any, L: Any, count: Any, scale_x: Any, scale_y: Any, centring: Any, i: Any, start: Any
) -> Any:
    """Squares to weights, K, L = K (L - l_j - l_i), L (K - k_j - k_i) for four rows.

    Where the square in K is negative, there is no pair. Returns the sum of the products of the two
    centred kernels, in which the rounding of the centring is of second order: in
    sum_ij K_ij (L_ij - l_j - l_i) it would be of the first.
    """
    s, t, value = every(scale_x), every(scale_y), every(ZERO)
    for g in range(0, GROUP, 2):
        h = g + 1
        k0, k1 = spread(centring, 1, i + g), spread(centring, 1, i + h)
        l0, l1 = spread(centring, 3, i + g), spread(centring, 3, i + h)
        for j in range(0, count, LANES):
            kj, lj = load(centring, 0, start + j), load(centring, 2, start + j)
            square0, square1 = load(K, g, j), load(K, h, j)
            a0, a1 = exp2(square0 * s), exp2(square1 * s)
            b0, b1 = exp2(load(L, g, j) * t), exp2(load(L, h, j) * t)
            c0 = where_positive(square0, a0 - kj - k0)
            c1 = where_positive(square1, a1 - kj - k1)
            d0 = where_positive(square0, b0 - lj - l0)
            d1 = where_positive(square1, b1 - lj - l1)
            value = value + c0 * d0 + c1 * d1
            store(K, g, j, a0 * d0)
            store(K, h, j, a1 * d1)
            store(L, g, j, b0 * c0)
            store(L, h, j, b1 * c1)
    return total(value)


@njit(nogil=True, cache=True)
def _centred_sums(
    x: Any, y: Any, n: Any, scales_x: Any, scales_y: Any, centring: Any, first: Any, stride: Any
) -> Any:
    """Return the centred weights' sums times [1, points] (B, 1 + p, n and more), those of y, and
    the sums of the products of the centred kernels over i < j (B,).

    x and y hold ones in their first row. The weights of points with themselves are left out: they
    do not pull, and would only leave rounding.
    """
    batches = len(x)
    out_x, out_y = lines(batches, x.shape[1], n), lines(batches, y.shape[1], n)
    products = np.zeros(batches)
    for b in range(batches):
        products[b] = _add_centred_sums(
            x[b], y[b], n, scales_x[b, 0], scales_y[b, 0], centring[b], turn(first, stride, b),
            stride, out_x[b], out_y[b],
        )  # fmt: skip
    return out_x, out_y, products


@njit(nogil=True)
def _add_centred_sums(
    x: Any, y: Any, n: Any, scale_x: Any, scale_y: Any, centring: Any, first: Any, stride: Any,
    out_x: Any, out_y: Any,
) -> Any:  # fmt: skip
    """The same of one problem; tiles as in `_numba_pairs.pair_sums`."""
    memory = lines(2, GROUP, COLUMNS)
    K, L = memory[0], memory[1]
    tile_x, tile_y = lines(1, len(x), COLUMNS)[0], lines(1, len(y), COLUMNS)[0]
    points_x, points_y = x[1:], y[1:]
    value = 0.0
    for block in range(first, blocks(n), stride):
        column = block * COLUMNS
        stop = min(column + COLUMNS, n)
        for row in range(0, stop, ROWS):
            tile_x[:], tile_y[:] = ZERO, ZERO
            for i in range(row, min(row + ROWS, stop), GROUP):
                inside = i >= column
                here = (i - column) // LANES * LANES if inside else 0
                start = column + here
                count, before = stop - start, i - start + 1 if inside else 0
                squares(points_x, i, points_x, start, K, count)
                squares(points_y, i, points_y, start, L, count)
                if before or i + GROUP > n or count % LANES:
                    exclude(K, count, n - i, before, np.float32(-1))
                value += centred_weights(K, L, count, scale_x, scale_y, centring, i, start)
                accumulate(K, count, x, i, x, start, out_x, tile_x, here)
                accumulate(L, count, y, i, y, start, out_y, tile_y, here)
            for c in range(len(x)):
                for j in range(stop - column):
                    out_x[c, column + j] += tile_x[c, j]
            for c in range(len(y)):
                for j in range(stop - column):
                    out_y[c, column + j] += tile_y[c, j]
    return value


@njit(nogil=True, cache=True)
def _finish(x: Any, total: Any, squared_widths: Any, factor: Any, gradient: Any) -> None:
    """gradient (B, n, p) = -2 factor / h^2 (x_i (w 1)_i - (w x)_i)."""
    batches, n, columns = gradient.shape
    for b in range(batches):
        unit = -2 * factor / squared_widths[b, 0]
        for i in range(n):
            mass = np.float64(total[b, 0, i])
            for c in range(columns):
                gradient[b, i, c] = unit * (x[b, c + 1, i] * mass - total[b, c + 1, i])
