"""Sums over pairs, compiled for the CPU by Numba: below what torch's own operations allow.

    out_i = sum_j w(|x_i - y_j|^2) u_j,  and for the other side  out_j = sum_i w v_i

The squares are direct differences, exact to rounding at any spread. Four rows meet a block of
columns in short loops over the block, all of it in the first-level cache: squares, weights, and for
every two columns of values one fused dot product and update (see `_numba_loops`).

Accumulation has three levels (a block of columns or rows, a tile, the total), which keeps
float32's error small at any n. Nothing here is compiled with `fastmath`: it would reach into
`exp2`, whose rounding it undoes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rep4ex_kernels._numba_lanes import LANES
from rep4ex_kernels._numba_loops import (
    GROUP,
    accumulate,
    accumulate_differences,
    exclude,
    exponentials,
    gaussians,
    roots,
    squares,
)

GAUSSIAN, GAUSSIANS, ROOT = 0, 1, 2
ROWS = 256  # of a tile
COLUMNS = 256  # of a tile, and of a block, the share of a thread
FAR = np.float32(1e30)  # a square whose Gaussian is nothing
_LINE = 16  # float32 of a cache line


@njit(nogil=True, cache=True)
def lines(batches: Any, rows: Any, columns: Any) -> Any:
    """Return zeros (batches, rows, columns and more): rows of whole cache lines, one to spare.

    The room beyond the columns takes whole groups of rows and whole vectors.
    """
    length = (columns + 2 * _LINE - 1) // _LINE * _LINE
    count = batches * rows * length
    memory = np.zeros(count + _LINE, np.float32)
    start = (-memory.ctypes.data % (4 * _LINE)) // 4
    return memory[start : start + count].reshape((batches, rows, length))


@njit(nogil=True, cache=True)
def across(values: Any) -> Any:
    """Return values (B, n, c) as (B, c, n and more)."""
    batches, n, columns = values.shape
    out = lines(batches, columns, n)
    for b in range(batches):
        for i in range(n):
            for c in range(columns):
                out[b, c, i] = values[b, i, c]
    return out


@njit
def blocks(columns: Any) -> Any:
    """Return how many blocks of columns there are."""
    return (columns + COLUMNS - 1) // COLUMNS


@njit(forceinline=True)
def weigh(
    mode: Any, w: Any, count: Any, scales: Any, factors: Any, steps: Any, spare: Any, mixed: Any
) -> Any:
    """Turn squares into weights; return the sum of the kernel."""
    if mode == GAUSSIAN:
        return exponentials(w, count, scales[0])
    if mode == ROOT:
        return roots(w, count)
    return gaussians(w, count, scales, factors, steps, spare, mixed)


@njit(nogil=True)
def pair_sums(
    x: Any, y: Any, v: Any, u: Any, n: Any, m: Any, symmetric: Any, mode: Any, scales: Any,
    factors: Any, steps: Any, differences: Any, first: Any, stride: Any, out_x: Any, out_y: Any,
) -> Any:  # fmt: skip
    """Add sum_j w_ij u_j to out_x and sum_i w_ij v_i to out_y; return sum_ij k_ij.

    x (k, n), y (k, m), v (c, n), u (c, m), out_x (c, n), out_y (c, m), all from `lines`. Of the
    blocks of columns only first, first + stride, ... are done. If symmetric, y is x, u is v, out_y
    is out_x and the pairs are those of i < j, each for both sides: a point with itself is none.
    If differences, v and u are points and what is summed is w_ij (v_i - u_j), for weights so large
    that the difference of two sums would lose it.
    """
    memory = lines(3, GROUP, COLUMNS)
    w, spare, mixed = memory[0], memory[1], memory[2]
    tile = lines(1, len(v), COLUMNS)[0]
    nothing = np.float32(0) if mode == ROOT else FAR
    value = 0.0
    for block in range(first, blocks(m), stride):
        column = block * COLUMNS
        stop = min(column + COLUMNS, m)
        end = min(stop, n) if symmetric else n
        for row in range(0, end, ROWS):
            tile[:] = np.float32(0)
            for i in range(row, min(row + ROWS, end), GROUP):
                # On the diagonal, columns left of the group are pairs that others have.
                inside = symmetric and i >= column
                here = (i - column) // LANES * LANES if inside else 0
                start = column + here
                count, before = stop - start, i - start + 1 if inside else 0
                squares(x, i, y, start, w, count)
                if before or i + GROUP > n or count % LANES:
                    exclude(w, count, n - i, before, nothing)
                value += weigh(mode, w, count, scales, factors, steps, spare, mixed)
                if differences:
                    accumulate_differences(w, count, v, i, u, start, out_x, tile, here)
                else:
                    accumulate(w, count, v, i, u, start, out_x, tile, here)
            for c in range(len(v)):
                for j in range(stop - column):
                    out_y[c, column + j] += tile[c, j]
    return value
