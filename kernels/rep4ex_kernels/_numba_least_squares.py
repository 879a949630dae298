"""The sums and products of least squares on [1, A], compiled for the CPU by Numba.

The data are float32 and read row by row; everything that is added up is float64. A block of rows
is centred into columns that stay in the first-level cache, so nothing of the size of the data is
allocated but the result. Every function takes a batch (B, n, columns) and every stride-th block
from the first on: a thread has its share.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

ROWS = 128  # of a block
# Only what lets sums be vectorised: NaN and infinity keep their meaning.
_SUMS = {"reassoc", "contract"}


@njit(nogil=True, cache=True, fastmath=_SUMS)
def first_mean(values: Any) -> Any:
    """Mean of the first block of rows (B, c) of values (B, n, c)."""
    batches, n, columns = values.shape
    rows = min(ROWS, n)
    out = np.zeros((batches, columns))
    for b in range(batches):
        for i in range(rows):
            for c in range(columns):
                out[b, c] += values[b, i, c]
    return out / rows


@njit(nogil=True, cache=True, fastmath=_SUMS)
def centre(block: Any, values: Any, mean: Any, start: Any, count: Any) -> None:
    """block[c, r] = values[start + r, c] - mean[c]."""
    for c in range(values.shape[1]):
        here, there = block[c, :count], values[start : start + count, c]
        for r in range(count):
            here[r] = there[r] - mean[c]


@njit(nogil=True, cache=True, fastmath=_SUMS)
def moments(
    actions: Any, shift: Any, values: Any, shift_values: Any, weights: Any, first: Any, stride: Any
) -> Any:
    """sum_i w_i [1, a_i]' [a_i, v_i] (B, k + 1, k + d), both less their shift.

    actions (B, n, k), values (B, n, d), shifts (B, k) and (B, d), weights (B, n) or (0, n) for
    ones. Exact to rounding where the shifts are near the means for the spread.
    """
    batches, n, k = actions.shape
    columns = k + values.shape[2]
    out = np.zeros((batches, k + 1, columns))
    both, left = np.empty((columns, ROWS)), np.empty(ROWS)
    for b in range(batches):
        for start in range(first * ROWS, n, stride * ROWS):
            count = min(ROWS, n - start)
            centre(both[:k], actions[b], shift[b], start, count)
            centre(both[k:], values[b], shift_values[b], start, count)
            share = left[:count]
            for i in range(k + 1):
                if len(weights):
                    share[:] = weights[b, start : start + count]
                else:
                    share[:] = 1.0
                if i:
                    share *= both[i - 1, :count]
                add_products(share, both, count, out[b, i])
    return out


@njit(nogil=True, cache=True, fastmath=_SUMS)
def add_products(here: Any, columns: Any, count: Any, out: Any) -> None:
    """out[j] += sum_r here[r] columns[j, r]; four columns a loop, then one."""
    d = len(columns)
    for j in range(0, d - 3, 4):
        c0, c1 = columns[j, :count], columns[j + 1, :count]
        c2, c3 = columns[j + 2, :count], columns[j + 3, :count]
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for r in range(count):
            s0 += here[r] * c0[r]
            s1 += here[r] * c1[r]
            s2 += here[r] * c2[r]
            s3 += here[r] * c3[r]
        out[j] += s0
        out[j + 1] += s1
        out[j + 2] += s2
        out[j + 3] += s3
    for j in range(d - d % 4, d):
        c0, s0 = columns[j, :count], 0.0
        for r in range(count):
            s0 += here[r] * c0[r]
        out[j] += s0


@njit(nogil=True, cache=True, fastmath=_SUMS)
def combine(
    values: Any,
    shift: Any,
    actions: Any,
    mean: Any,
    slope: Any,
    weights: Any,
    first: Any,
    stride: Any,
    out: Any,
) -> None:
    """out_i = v_i + w_i (shift + slope' (a_i - mean)) (B, n, d); weights as of `moments`."""
    batches, n, k = actions.shape
    d = values.shape[2]
    a, total = np.empty((k, ROWS)), np.empty(ROWS)
    for b in range(batches):
        for start in range(first * ROWS, n, stride * ROWS):
            count = min(ROWS, n - start)
            centre(a, actions[b], mean[b], start, count)
            here = total[:count]
            for j in range(d):
                here[:] = shift[b, j]
                add_multiples(slope[b, :, j], a, count, here)
                if len(weights):
                    here *= weights[b, start : start + count]
                there = values[b, start : start + count, j]
                result = out[b, start : start + count, j]
                for r in range(count):
                    result[r] = there[r] + here[r]


@njit(nogil=True, cache=True, fastmath=_SUMS)
def add_multiples(factors: Any, columns: Any, count: Any, out: Any) -> None:
    """out[r] += sum_i factors[i] columns[i, r]; four columns a loop, then one."""
    k = len(factors)
    for i in range(0, k - 3, 4):
        f0, f1, f2, f3 = factors[i], factors[i + 1], factors[i + 2], factors[i + 3]
        c0, c1 = columns[i, :count], columns[i + 1, :count]
        c2, c3 = columns[i + 2, :count], columns[i + 3, :count]
        for r in range(count):
            out[r] += f0 * c0[r] + f1 * c1[r] + f2 * c2[r] + f3 * c3[r]
    for i in range(k - k % 4, k):
        f0, c0 = factors[i], columns[i, :count]
        for r in range(count):
            out[r] += f0 * c0[r]


@njit(nogil=True, cache=True)
def inverse_roots(gram: Any, floor: Any, least: Any) -> Any:
    """Return H (B, k, k) with G^-1 = H' H, and whether every column is far from the others' span.

    gram (B, k, k); a column whose square is at most floor (B, k) is constant. Of unit columns, the
    squared distance from the span of those before must be above least (B, k).
    """
    out = np.zeros_like(gram)
    for b in range(len(gram)):
        for i in range(gram.shape[1]):
            if not gram[b, i, i] > floor[b, i]:
                return out, False
        if not inverse_root(gram[b], least[b], out[b]):
            return out, False
    return out, True


@njit(nogil=True, cache=True)
def inverse_root(gram: Any, least: Any, half: Any) -> Any:
    """Fill H (k, k), the inverse of the Cholesky factor; say whether the distances allowed it."""
    k = len(gram)
    lower = np.empty((k, k))
    scale = 1 / np.sqrt(np.diag(gram))
    for i in range(k):
        for j in range(i + 1):
            rest = gram[i, j] * scale[i] * scale[j]
            for c in range(j):
                rest -= lower[i, c] * lower[j, c]
            if i != j:
                lower[i, j] = rest / lower[j, j]
        if not rest > least[i]:
            return False
        lower[i, i] = np.sqrt(rest)
        for j in range(i):  # row i of the inverse, from the rows before
            rest = 0.0
            for c in range(j, i):
                rest += lower[i, c] * half[c, j]
            half[i, j] = -rest / lower[i, i]
        half[i, i] = 1 / lower[i, i]
    half *= scale
    return True


@njit(nogil=True, cache=True, fastmath=_SUMS)
def fill_basis(actions: Any, mean: Any, half: Any, points: Any, basis: Any) -> None:
    """points = actions - mean (B, n, k); basis = [n^-1/2, H (actions - mean)] (B, n, k + 1)."""
    batches, n, k = actions.shape
    one = 1 / np.sqrt(n)
    centred = np.empty(k)
    for b in range(batches):
        for i in range(n):
            basis[b, i, 0] = one
            for c in range(k):
                centred[c] = actions[b, i, c] - mean[b, c]
                points[b, i, c] = centred[c]
            for c in range(k):
                total = 0.0
                for e in range(c + 1):
                    total += half[b, c, e] * centred[e]
                basis[b, i, c + 1] = total
