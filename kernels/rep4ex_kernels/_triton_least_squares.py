"""Device functions of batched least squares on [1, A] in float64, for every kernel that needs them.

    minimise  sum_i w_i |t_i - c - W' a_i|^2 + ridge |W|^2

Moments are sums over rows of [1, a - s]' [1, a - s] and [1, a - s]' t, where products of float32
numbers are exact; the shift s is the first row with weight, or later the mean, so an offset costs
nothing. The state of a problem is what the actions alone decide: their mass and mean, the Cholesky
factor of their centred Gram matrix with the columns left out that depend on earlier ones, and an
orthonormal basis of the null space that these span. It is laid out as

    [mass, trace, offset (k), centre (k), factor (k, k), null (k, k)]      float64

trace is that of the Gram matrix, offset the mean less the shift, centre the mean. With it every
program solves for the columns of its own tile by two triangular substitutions.
"""

from __future__ import annotations

import triton
import triton.language as tl


def state_size(k: int) -> int:
    """Numbers of one problem's state."""
    return 2 + 2 * k + 2 * k * k


@triton.jit
def first_row(weights_ptr, n, BLOCK: tl.constexpr):
    """The first row with a weight above 0 (rows without weight may lie anywhere), 0 if none has."""
    found = n
    start = 0
    while (found == n) & (start < n):
        rows = start + tl.arange(0, BLOCK)
        weight = tl.load(weights_ptr + rows, mask=rows < n, other=0.0)
        found = tl.min(tl.where(weight > 0, rows, n), 0)
        start += BLOCK
    return tl.where(found == n, 0, found)


@triton.jit
def shifted_rows(actions_ptr, shift, rows, inside, k, K: tl.constexpr):
    """[1, a - s] as (K, rows) float64, zero outside."""
    feature = tl.arange(0, K)
    real = (feature >= 1) & (feature <= k)
    a = tl.load(
        actions_ptr + rows[None, :] * k + (feature - 1)[:, None],
        mask=inside[None, :] & real[:, None],
        other=0.0,
    )
    a = a.to(tl.float64) - shift[:, None]
    a = tl.where((feature == 0)[:, None], 1.0, a)
    return tl.where(inside[None, :] & (feature <= k)[:, None], a, 0.0)


@triton.jit
def cross_moments(
    actions_ptr, targets_ptr, weights_ptr, shift, start, stop, column, k, d,
    GRAM: tl.constexpr, WEIGHTED: tl.constexpr, K: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Sums over rows of w [1, a - s]' t (K, D) and of w t^2 (D,) for D columns from ``column`` on.

    t are targets, or with GRAM [1, a - s] themselves, whose squares are not needed.
    """
    columns = column + tl.arange(0, D)
    total = tl.zeros((K, D), tl.float64)
    squares = tl.zeros((D,), tl.float64)
    for begin in range(start, stop, BLOCK):
        rows = begin + tl.arange(0, BLOCK)
        inside = rows < stop
        a = shifted_rows(actions_ptr, shift, rows, inside, k, K)
        if GRAM:
            t = tl.load(
                actions_ptr + rows[:, None] * k + (columns - 1)[None, :],
                mask=inside[:, None] & ((columns >= 1) & (columns <= k))[None, :],
                other=0.0,
            ).to(tl.float64)
            pick = tl.arange(0, K)[:, None] == columns[None, :]
            t -= tl.sum(tl.where(pick, shift[:, None], 0.0), 0)[None, :]
            t = tl.where((columns == 0)[None, :], 1.0, t)
        else:
            t = tl.load(
                targets_ptr + rows[:, None] * d + columns[None, :],
                mask=inside[:, None] & (columns < d)[None, :],
                other=0.0,
            ).to(tl.float64)
        if WEIGHTED:
            w = tl.load(weights_ptr + rows, mask=inside, other=0.0).to(tl.float64)
            a *= w[None, :]
            squares += tl.sum(w[:, None] * t * t, 0)
        else:
            squares += tl.sum(t * t, 0)
        total += tl.sum(a[:, :, None] * t[None, :, :], axis=1)
    return total, squares


@triton.jit
def store_part(
    cross_ptr, squares_ptr, part, column, total, squares, width, K: tl.constexpr, D: tl.constexpr
):
    """Keep one part's moments: cross (parts, K, width) and squares (parts, width)."""
    columns = column + tl.arange(0, D)
    feature = tl.arange(0, K)
    place = (part * K + feature)[:, None] * width + columns[None, :]
    tl.store(cross_ptr + place, total)
    tl.store(squares_ptr + part * width + columns, squares)


@triton.jit
def sum_parts(base_ptr, place, mask, parts, stride, TILE: tl.constexpr):
    """Sum over the parts, ``stride`` numbers apart, of what lies at ``place`` (R, C), float64.

    TILE parts are loaded at once: one after the other each would wait for the memory.
    """
    total = tl.zeros(place.shape, tl.float64)
    for begin in range(0, parts, TILE):
        part = begin + tl.arange(0, TILE)
        values = tl.load(
            base_ptr + part[:, None, None] * stride + place[None, :, :],
            mask=(part < parts)[:, None, None] & mask[None, :, :],
            other=0.0,
        )
        total += tl.sum(values, 0)
    return total


@triton.jit
def factor_problem(
    gram_ptr, state_ptr, first_ptr, flags_ptr, parts, width, k, ridge, tolerance, constant_part,
    eps, NULL: tl.constexpr, K: tl.constexpr, HEIGHT: tl.constexpr,
):  # fmt: skip
    """Make the state of a problem from the parts of its moments (parts, HEIGHT, width) of [1, a].

    One column a step of a Cholesky factorisation that lives in registers. A pivot below
    ``tolerance`` of its column's variance is rounding: the column is left out and flagged. So is
    one below what the column's own rounding makes, but that is kept.
    """
    i = tl.arange(0, K)
    real = i < k
    inside = real[:, None] & real[None, :]
    TILE: tl.constexpr = 1 if K * K > 1024 else 2048 // (K * K)
    stride = HEIGHT * width
    mass = tl.sum(sum_parts(gram_ptr, i[None, :], (i == 0)[None, :], parts, stride, TILE))
    sums = tl.sum(sum_parts(gram_ptr, 1 + i[None, :], real[None, :], parts, stride, TILE), 0)
    place = (1 + i)[:, None] * width + (1 + i)[None, :]
    gram = sum_parts(gram_ptr, place, inside, parts, stride, TILE)
    gram -= sums[:, None] * sums[None, :] / mass
    diagonal = i[:, None] == i[None, :]
    variance = tl.sum(tl.where(diagonal, gram, 0.0), 1)
    offset = sums / mass
    centre = offset + tl.load(first_ptr + i, mask=real, other=0.0).to(tl.float64)
    tl.store(state_ptr, mass)
    tl.store(state_ptr + 1, tl.sum(variance, 0))
    tl.store(state_ptr + 2 + i, offset, mask=real)
    tl.store(state_ptr + 2 + k + i, centre, mask=real)
    # Against the uncentred moment too: centring an offset column leaves that much rounding.
    least = tl.maximum(variance * tolerance, (variance + sums * offset) * constant_part)
    least += ridge * tolerance
    gram += tl.where(diagonal & real[:, None], ridge, 0.0)
    rounded = 4.0 * eps * eps * (variance + ridge + centre * centre * mass)
    factor_ptr = state_ptr + 2 + 2 * k
    dropped = 0
    for j in range(k):
        column = tl.sum(tl.where(i[None, :] == j, gram, 0.0), 1)
        pivot = tl.sum(tl.where(i == j, column, 0.0), 0)
        keep = pivot > tl.sum(tl.where(i == j, least, 0.0), 0)
        root = tl.sqrt(tl.where(keep, pivot, 1.0))
        column = tl.where(keep, tl.where(i >= j, column / root, 0.0), 0.0)
        tl.store(factor_ptr + i * k + j, column, mask=real)
        gram -= column[:, None] * column[None, :]
        near = pivot < tl.sum(tl.where(i == j, rounded, 0.0), 0)
        # Of NaN, which is not below infinity, there is nothing to be said.
        said = tl.where(pivot < float("inf"), 1, 0)
        flag = tl.where(keep, tl.where(near, 2, 0), said)
        tl.store(flags_ptr + j, flag, mask=flag > 0)
        dropped += tl.where(keep, 0, 1)
    if NULL:
        null_ptr = factor_ptr + k * k
        for j in range(k):
            tl.store(null_ptr + i * k + j, tl.zeros((K,), tl.float64), mask=real)
        tl.debug_barrier()
        if dropped > 0:
            null_space(factor_ptr, null_ptr, k, K)


@triton.jit
def null_space(factor_ptr, null_ptr, k, K: tl.constexpr):
    """Orthonormal columns that span the null space: for a column j left out, e_j less its fit.

    The fit solves L' x = (row j of L) among the columns kept; Gram-Schmidt, twice, for the rest.
    """
    i = tl.arange(0, K)
    real = i < k
    for j in range(k):
        if tl.load(factor_ptr + j * k + j) == 0:
            left = tl.load(factor_ptr + j * k + i, mask=real, other=0.0)
            left = back_substitution(factor_ptr, left[:, None], k, K)
            vector = tl.where(i == j, 1.0, -tl.sum(left, 1))
            vector = tl.where(real, vector, 0.0)
            for _ in range(2):
                for earlier in range(j):
                    known = tl.load(null_ptr + i * k + earlier, mask=real, other=0.0)
                    vector -= known * tl.sum(known * vector, 0)
            vector = vector / tl.sqrt(tl.sum(vector * vector, 0))
            tl.store(null_ptr + i * k + j, vector, mask=real)
            tl.debug_barrier()


@triton.jit
def forward_substitution(factor_ptr, right, k, K: tl.constexpr):
    """L^-1 right (K, D); zero in the rows of columns that were left out."""
    i = tl.arange(0, K)
    for j in range(k):
        column = tl.load(factor_ptr + i * k + j, mask=i < k, other=0.0)
        root = tl.sum(tl.where(i == j, column, 0.0), 0)
        value = tl.sum(tl.where(i[:, None] == j, right, 0.0), 0)
        value = tl.where(root > 0, value / tl.where(root > 0, root, 1.0), 0.0)
        right -= tl.where(i > j, column, 0.0)[:, None] * value[None, :]
        right = tl.where(i[:, None] == j, value[None, :], right)
    return right


@triton.jit
def back_substitution(factor_ptr, right, k, K: tl.constexpr):
    """L'^-1 right (K, D); zero in the rows of columns that were left out."""
    i = tl.arange(0, K)
    for step in range(k):
        j = k - 1 - step
        row = tl.load(factor_ptr + j * k + i, mask=i < k, other=0.0)
        root = tl.sum(tl.where(i == j, row, 0.0), 0)
        value = tl.sum(tl.where(i[:, None] == j, right, 0.0), 0)
        value = tl.where(root > 0, value / tl.where(root > 0, root, 1.0), 0.0)
        right -= tl.where(i < j, row, 0.0)[:, None] * value[None, :]
        right = tl.where(i[:, None] == j, value[None, :], right)
    return right


@triton.jit
def without_null(null_ptr, right, k, K: tl.constexpr):
    """right (K, D) projected on the row space: of all solutions that of minimum norm."""
    i = tl.arange(0, K)
    for j in range(k):
        vector = tl.load(null_ptr + i * k + j, mask=i < k, other=0.0)
        right -= vector[:, None] * tl.sum(vector[:, None] * right, 0)[None, :]
    return right


@triton.jit
def summed_moments(
    cross_ptr, squares_ptr, state_ptr, parts, column, width, k,
    CENTRED: tl.constexpr, K: tl.constexpr, HEIGHT: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    """Of D target columns: A_c' t (K, D), sums (D,) and squares (D,), over the parts.

    CENTRED moments are of actions less their mean, others of actions less the shift.
    """
    i = tl.arange(0, K)
    columns = column + tl.arange(0, D)
    TILE: tl.constexpr = 1 if K * D > 1024 else 2048 // (K * D)
    every = (columns < width)[None, :]
    stride = HEIGHT * width
    sums = tl.sum(sum_parts(cross_ptr, columns[None, :], every, parts, stride, TILE), 0)
    squares = tl.sum(sum_parts(squares_ptr, columns[None, :], every, parts, width, TILE), 0)
    place = (1 + i)[:, None] * width + columns[None, :]
    right = sum_parts(cross_ptr, place, (i < k)[:, None] & every, parts, stride, TILE)
    if not CENTRED:
        offset = tl.load(state_ptr + 2 + i, mask=i < k, other=0.0)
        right -= offset[:, None] * sums[None, :]
    return right, sums, squares


@triton.jit
def fitted_rows(
    actions_ptr, state_ptr, slopes, rows, inside, k,
    K: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """(a - mean) slopes of BLOCK rows, (BLOCK, D) float64."""
    i = tl.arange(0, K)
    fit = tl.zeros((BLOCK, D), tl.float64)
    for c in range(k):
        a = tl.load(actions_ptr + rows * k + c, mask=inside, other=0.0).to(tl.float64)
        a -= tl.load(state_ptr + 2 + k + c)
        slope = tl.sum(tl.where(i[:, None] == c, slopes, 0.0), 0)
        fit += a[:, None] * slope[None, :]
    return fit
