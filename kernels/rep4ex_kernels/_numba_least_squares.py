"""The sums, products and equations of least squares on [1, A], compiled for the CPU by Numba.

The data are float32 and read row by row; everything that is added up is float64. A block of rows
is centred into columns that stay in the first-level cache, so nothing of the size of the data is
allocated but the result. Every function takes a batch (B, n, columns) and every stride-th block
from the first on: a thread has its share.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rep4ex_kernels._least_squares import CONSTANT, EASY
from rep4ex_kernels._least_squares import rounding_distance as _distance

ROWS = 128  # of a block
# Squared distance of a shift from the mean, in variances, that float64 has the digits for.
FARTHEST_SHIFT = 1e6
U = np.uint64  # of an index: one that could be negative would keep a loop from being vectorised
rounding_distance = njit(_distance)
# Only what lets sums be vectorised: NaN and infinity keep their meaning.
_SUMS = {"reassoc", "contract"}


@njit(nogil=True, cache=True, fastmath=_SUMS)
def moments(
    actions: Any, values: Any, weights: Any, near_mean: Any, near_values: Any, whole: Any,
    first: Any, stride: Any,
) -> Any:  # fmt: skip
    """Return sum_i w_i [1, a_i]' [a_i, v_i] (B, k + 1, k + d), less what is near the means.

    actions (B, n, k), values (B, n, d), weights (B, n) or (0, n) for ones. If whole, near_mean
    (B, k) and near_values (B, d) are filled with the means of a first block, and of the products of
    the actions half is made. If not, they are given, and the result is sum_i w_i [1, a_i]' v_i
    (B, k + 1, d).
    """
    (batches, n, k), d = actions.shape, values.shape[2]
    out = np.zeros((batches, k + 1, k + d if whole else d))
    block, share = np.empty((k + d, ROWS)), np.empty(ROWS)
    for b in range(batches):
        if whole:
            mean_of_first(actions[b], near_mean[b])
            mean_of_first(values[b], near_values[b])
        for start in range(first * ROWS, n, stride * ROWS):
            count = min(ROWS, n - start)
            centre(block, 0, actions[b], near_mean[b], start, count)
            centre(block, k, values[b], near_values[b], start, count)
            for i in range(k + 1):
                for r in range(U(count)):
                    share[r] = block[i - 1, r] if i else 1.0
                if len(weights):
                    for r in range(U(count)):
                        share[r] *= weights[b, start + r]
                begin = max(0, i - 1) if whole else k
                add_products(share, block, begin, count, out[b, i], 0 if whole else k)
    return out


@njit(forceinline=True, fastmath=_SUMS)
def mean_of_first(values: Any, out: Any) -> None:
    """Mean of the first block of rows; written once, for threads write the same to one place."""
    rows = min(ROWS, len(values))
    for c in range(len(out)):
        total = 0.0
        for i in range(rows):
            total += values[i, c]
        out[c] = total / rows


@njit(forceinline=True, fastmath=_SUMS)
def centre(block: Any, row: Any, values: Any, mean: Any, start: Any, count: Any) -> None:
    """block[row + c, r] = values[start + r, c] - mean[c]."""
    for c in range(values.shape[1]):
        less, there, begin = mean[c], U(row + c), U(start)
        for r in range(U(count)):
            block[there, r] = values[begin + r, U(c)] - less


@njit(forceinline=True, fastmath=_SUMS)
def add_products(share: Any, block: Any, begin: Any, count: Any, out: Any, less: Any) -> None:
    """out[j - less] += sum_r share[r] block[j, r] for j >= begin; four columns a loop, then one."""
    columns = len(block)
    last = begin + (columns - begin) // 4 * 4
    for j in range(begin, last, 4):
        j0, j1, j2, j3 = U(j), U(j + 1), U(j + 2), U(j + 3)
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for r in range(U(count)):
            here = share[r]
            s0 += here * block[j0, r]
            s1 += here * block[j1, r]
            s2 += here * block[j2, r]
            s3 += here * block[j3, r]
        out[j - less] += s0
        out[j - less + 1] += s1
        out[j - less + 2] += s2
        out[j - less + 3] += s3
    for j in range(last, columns):
        j0, s0 = U(j), 0.0
        for r in range(U(count)):
            s0 += share[r] * block[j0, r]
        out[j - less] += s0


@njit(nogil=True, cache=True, fastmath=_SUMS)
def add_multiples_of_actions(
    values: Any, shift: Any, actions: Any, mean: Any, slope: Any, weights: Any, first: Any,
    stride: Any, out: Any,
) -> None:  # fmt: skip
    """out_i = v_i + w_i (shift + slope' (a_i - mean)) (B, n, d); weights as of `moments`."""
    (batches, n, k), d = actions.shape, values.shape[2]
    a, total = np.empty((k, ROWS)), np.empty(ROWS)
    for b in range(batches):
        for start in range(first * ROWS, n, stride * ROWS):
            count = min(ROWS, n - start)
            centre(a, 0, actions[b], mean[b], start, count)
            for j in range(d):
                total[:count] = shift[b, j]
                add_multiples(slope[b], j, a, count, total)
                if len(weights):
                    for r in range(U(count)):
                        total[r] *= weights[b, start + r]
                column, begin = U(j), U(start)
                for r in range(U(count)):
                    out[b, begin + r, column] = values[b, begin + r, column] + total[r]


@njit(forceinline=True, fastmath=_SUMS)
def add_multiples(slope: Any, j: Any, columns: Any, count: Any, out: Any) -> None:
    """out[r] += sum_i slope[i, j] columns[i, r]; four columns a loop, then one."""
    k = len(columns)
    for i in range(0, k - 3, 4):
        f0, f1, f2, f3 = slope[i, j], slope[i + 1, j], slope[i + 2, j], slope[i + 3, j]
        i0, i1, i2, i3 = U(i), U(i + 1), U(i + 2), U(i + 3)
        for r in range(U(count)):
            here = f0 * columns[i0, r] + f1 * columns[i1, r]
            out[r] += here + f2 * columns[i2, r] + f3 * columns[i3, r]
    for i in range(k - k % 4, k):
        f0, i0 = slope[i, j], U(i)
        for r in range(U(count)):
            out[r] += f0 * columns[i0, r]


@njit(nogil=True, cache=True, error_model="numpy")
def solve(
    sums: Any, near_mean: Any, near_values: Any, total: Any, ridge: Any, eps: Any, mean: Any,
    half: Any, slope: Any, shift: Any, coefficients: Any,
) -> Any:  # fmt: skip
    """Solve the normal equations of `moments`; say whether one solution has all the digits.

    Fills mean (B, k), half (B, k, k): H with G^-1 = H' H, coefficients (B, k + 1, d), and of the
    residual slope (B, k, d) and shift (B, d). False where columns of the actions are too close to
    the span of the others, where a mean is too far from that of the first block, and where anything
    is not finite.
    """
    batches, k, d = slope.shape
    gram, least, cross = np.empty((k, k)), np.empty(k), np.empty((k, d))
    for b in range(batches):
        here, weight = sums[b], total[b]
        for c in range(k):
            off = here[0, c] / weight
            mean[b, c] = near_mean[b, c] + off
            for e in range(c, k):
                gram[c, e] = gram[e, c] = here[1 + c, e] - off * here[0, e]
            for j in range(d):
                cross[c, j] = here[1 + c, k + j] - off * here[0, k + j]
            variance = gram[c, c] / weight
            if not off**2 <= FARTHEST_SHIFT * variance:
                return False
            least[c] = max(rounding_distance(mean[b, c] ** 2 / variance, eps), EASY)
            gram[c, c] += ridge
            if not gram[c, c] > weight * (CONSTANT * mean[b, c]) ** 2:
                return False
        if not inverse_root(gram, least, half[b]):
            return False
        multiply(half[b], cross, slope[b])
        for j in range(d):
            shift[b, j] = -(near_values[b, j] + here[0, k + j] / weight)
            constant = -shift[b, j]
            for c in range(k):
                constant -= mean[b, c] * slope[b, c, j]
                coefficients[b, c + 1, j] = slope[b, c, j]
                slope[b, c, j] = -slope[b, c, j]
            coefficients[b, 0, j] = constant
            if not np.isfinite(constant):
                return False
    return True


@njit
def multiply(half: Any, right: Any, out: Any) -> None:
    """out = H' H right; overwrites right."""
    k, d = right.shape
    for j in range(d):
        for c in range(k - 1, -1, -1):  # H is lower triangular
            value = 0.0
            for e in range(c + 1):
                value += half[c, e] * right[e, j]
            right[c, j] = value
        for c in range(k):
            value = 0.0
            for e in range(c, k):
                value += half[e, c] * right[e, j]
            out[c, j] = value


@njit(nogil=True, cache=True)
def solve_adjoint(
    sums: Any, total: Any, mean: Any, half: Any, to_coefficients: Any, slope: Any, shift: Any
) -> None:
    """Fill slope (B, k, d) and shift (B, d) of the adjoint.

    sums (B, k + 1, d) of [1, a_i - mean]' g_i, to_coefficients (B, k + 1, d) the gradient with
    respect to the coefficients.
    """
    batches, k, d = slope.shape
    right = np.empty((k, d))
    for b in range(batches):
        for j in range(d):
            to_intercept = np.float64(to_coefficients[b, 0, j])
            shift[b, j] = (to_intercept - sums[b, 0, j]) / total[b]
            for c in range(k):
                right[c, j] = to_coefficients[b, c + 1, j]
                right[c, j] -= mean[b, c] * to_intercept + sums[b, c + 1, j]
        multiply(half[b], right, slope[b])


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
