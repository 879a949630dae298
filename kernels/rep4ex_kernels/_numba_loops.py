"""The innermost loops of sums over pairs: four rows and a block of columns, in the cache.

w (4, room) holds one number a pair, first squares, then weights. Loops run over whole vectors, up
to `LANES` - 1 columns beyond count; `exclude` makes these count for nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rep4ex_kernels._numba_lanes import (
    LANES,
    add_totals,
    every,
    exp2,
    load,
    reciprocal_root,
    spread,
    store,
    total,
)

GROUP = 4  # rows that meet a block of columns together
ZERO = np.float32(0)


@njit(forceinline=True)
def squares(x: Any, i: Any, y: Any, start: Any, w: Any, count: Any) -> None:
    """w[g, j] = |x_(i + g) - y_(start + j)|^2; x (k, n), y (k, m)."""
    k = len(x)
    for c in range(0, k - 3, 4):
        add_four_squares(x, c, i, y, start, w, count)
    c = k - k % 4
    if k - c >= 2:
        add_two_squares(x, c, i, y, start, w, count)
        c += 2
    if k - c:
        add_one_square(x, c, i, y, start, w, count)


@njit(forceinline=True)
def add_four_squares(x: Any, c: Any, i: Any, y: Any, start: Any, w: Any, count: Any) -> None:
    """Add the squares of columns c to c + 3 to w, or begin with them if c is 0."""
    a0, a1, a2, a3 = spread(x, c, i), spread(x, c + 1, i), spread(x, c + 2, i), spread(x, c + 3, i)
    i += 1
    b0, b1, b2, b3 = spread(x, c, i), spread(x, c + 1, i), spread(x, c + 2, i), spread(x, c + 3, i)
    i += 1
    e0, e1, e2, e3 = spread(x, c, i), spread(x, c + 1, i), spread(x, c + 2, i), spread(x, c + 3, i)
    i += 1
    f0, f1, f2, f3 = spread(x, c, i), spread(x, c + 1, i), spread(x, c + 2, i), spread(x, c + 3, i)
    for j in range(0, count, LANES):
        y0, y1 = load(y, c, start + j), load(y, c + 1, start + j)
        y2, y3 = load(y, c + 2, start + j), load(y, c + 3, start + j)
        d0, d1, d2, d3 = y0 - a0, y1 - a1, y2 - a2, y3 - a3
        s = d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
        store(w, 0, j, s if c == 0 else load(w, 0, j) + s)
        d0, d1, d2, d3 = y0 - b0, y1 - b1, y2 - b2, y3 - b3
        s = d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
        store(w, 1, j, s if c == 0 else load(w, 1, j) + s)
        d0, d1, d2, d3 = y0 - e0, y1 - e1, y2 - e2, y3 - e3
        s = d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
        store(w, 2, j, s if c == 0 else load(w, 2, j) + s)
        d0, d1, d2, d3 = y0 - f0, y1 - f1, y2 - f2, y3 - f3
        s = d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
        store(w, 3, j, s if c == 0 else load(w, 3, j) + s)


@njit(forceinline=True)
def add_two_squares(x: Any, c: Any, i: Any, y: Any, start: Any, w: Any, count: Any) -> None:
    """The same of columns c and c + 1."""
    a0, b0, e0, f0 = spread(x, c, i), spread(x, c, i + 1), spread(x, c, i + 2), spread(x, c, i + 3)
    c1 = c + 1
    a1, b1, e1, f1 = (
        spread(x, c1, i),
        spread(x, c1, i + 1),
        spread(x, c1, i + 2),
        spread(x, c1, i + 3),
    )
    for j in range(0, count, LANES):
        y0, y1 = load(y, c, start + j), load(y, c1, start + j)
        d0, d1 = y0 - a0, y1 - a1
        s = d0 * d0 + d1 * d1
        store(w, 0, j, s if c == 0 else load(w, 0, j) + s)
        d0, d1 = y0 - b0, y1 - b1
        s = d0 * d0 + d1 * d1
        store(w, 1, j, s if c == 0 else load(w, 1, j) + s)
        d0, d1 = y0 - e0, y1 - e1
        s = d0 * d0 + d1 * d1
        store(w, 2, j, s if c == 0 else load(w, 2, j) + s)
        d0, d1 = y0 - f0, y1 - f1
        s = d0 * d0 + d1 * d1
        store(w, 3, j, s if c == 0 else load(w, 3, j) + s)


@njit(forceinline=True)
def add_one_square(x: Any, c: Any, i: Any, y: Any, start: Any, w: Any, count: Any) -> None:
    """The same of column c."""
    a, b, e, f = spread(x, c, i), spread(x, c, i + 1), spread(x, c, i + 2), spread(x, c, i + 3)
    for j in range(0, count, LANES):
        there = load(y, c, start + j)
        d0, d1, d2, d3 = there - a, there - b, there - e, there - f
        store(w, 0, j, d0 * d0 if c == 0 else load(w, 0, j) + d0 * d0)
        store(w, 1, j, d1 * d1 if c == 0 else load(w, 1, j) + d1 * d1)
        store(w, 2, j, d2 * d2 if c == 0 else load(w, 2, j) + d2 * d2)
        store(w, 3, j, d3 * d3 if c == 0 else load(w, 3, j) + d3 * d3)


@njit(forceinline=True)
def exclude(w: Any, count: Any, rows: Any, before: Any, nothing: Any) -> None:
    """Put `nothing` beyond the columns and rows and, if before > 0, for j < before + g."""
    for g in range(4):
        for j in range(0 if g >= rows else count, (count + LANES - 1) // LANES * LANES):
            w[g, j] = nothing
        if before:
            for j in range(before + g):
                w[g, j] = nothing


@njit(forceinline=True)
def exponentials(w: Any, count: Any, scale: Any) -> Any:
    """w = exp2(scale w); returns the sum."""
    factor = every(scale)
    t0, t1, t2, t3 = every(ZERO), every(ZERO), every(ZERO), every(ZERO)
    for j in range(0, count, LANES):
        e0, e1 = exp2(load(w, 0, j) * factor), exp2(load(w, 1, j) * factor)
        e2, e3 = exp2(load(w, 2, j) * factor), exp2(load(w, 3, j) * factor)
        store(w, 0, j, e0)
        store(w, 1, j, e1)
        store(w, 2, j, e2)
        store(w, 3, j, e3)
        t0, t1, t2, t3 = t0 + e0, t1 + e1, t2 + e2, t3 + e3
    return total(t0 + t1 + (t2 + t3))


@njit(forceinline=True)
def fourth_powers(w: Any, count: Any) -> Any:
    """w = w^4: a Gaussian of half the bandwidth; returns the sum."""
    result = every(ZERO)
    for j in range(0, count, LANES):
        for g in range(4):
            value = load(w, g, j)
            value = value * value
            value = value * value
            store(w, g, j, value)
            result = result + value
    return total(result)


@njit(forceinline=True)
def gaussians(
    w: Any, count: Any, scales: Any, factors: Any, steps: Any, kernel: Any, mixed: Any
) -> Any:
    """w = sum_q factor_q exp2(scale_q w), factor_0 = 1; returns the sum of all exponentials.

    A bandwidth with steps of 2 comes from the one before by so many squarings.
    """
    if len(scales) == 1:
        return exponentials(w, count, scales[0])
    copy(w, kernel, count)
    result = exponentials(kernel, count, scales[0])
    copy(kernel, mixed, count)
    for q in range(1, len(scales)):
        if steps[q] == 2:
            result += fourth_powers(kernel, count)
        else:
            copy(w, kernel, count)
            result += exponentials(kernel, count, scales[q])
        add_multiple(kernel, mixed, count, factors[q])
    copy(mixed, w, count)
    return result


@njit(forceinline=True)
def copy(source: Any, target: Any, count: Any) -> None:
    """target = source."""
    for j in range(0, count, LANES):
        for g in range(4):
            store(target, g, j, load(source, g, j))


@njit(forceinline=True)
def add_multiple(source: Any, target: Any, count: Any, number: Any) -> None:
    """target += number source."""
    factor = every(number)
    for j in range(0, count, LANES):
        for g in range(4):
            store(target, g, j, load(target, g, j) + load(source, g, j) * factor)


@njit(forceinline=True)
def roots(w: Any, count: Any) -> Any:
    """w = 1 / sqrt(w), 0 for 0; returns the sum of sqrt(w)."""
    t0, t1, t2, t3 = every(ZERO), every(ZERO), every(ZERO), every(ZERO)
    for j in range(0, count, LANES):
        s0, s1, s2, s3 = load(w, 0, j), load(w, 1, j), load(w, 2, j), load(w, 3, j)
        r0, r1, r2, r3 = (
            reciprocal_root(s0),
            reciprocal_root(s1),
            reciprocal_root(s2),
            reciprocal_root(s3),
        )
        store(w, 0, j, r0)
        store(w, 1, j, r1)
        store(w, 2, j, r2)
        store(w, 3, j, r3)
        t0, t1, t2, t3 = t0 + s0 * r0, t1 + s1 * r1, t2 + s2 * r2, t3 + s3 * r3
    return total(t0 + t1 + (t2 + t3))


@njit(forceinline=True)
def accumulate(
    w: Any, count: Any, v: Any, i: Any, u: Any, start: Any, out: Any, tile: Any, here: Any
) -> None:
    """out[c, i + g] += sum_j w[g, j] u[c, start + j], and for the other side

    tile[c, here + j] += sum_g w[g, j] v[c, i + g].
    """
    for c in range(0, len(v) - 1, 2):
        accumulate_two(w, count, v, c, i, u, start, out, tile, here)
    if len(v) % 2:
        accumulate_one(w, count, v, len(v) - 1, i, u, start, out, tile, here)


@njit(forceinline=True)
def accumulate_two(
    w: Any, count: Any, v: Any, c: Any, i: Any, u: Any, start: Any, out: Any, tile: Any, here: Any
) -> None:
    """`accumulate` of columns c and c + 1."""
    e = c + 1
    a0, a1, a2, a3 = spread(v, c, i), spread(v, c, i + 1), spread(v, c, i + 2), spread(v, c, i + 3)
    b0, b1, b2, b3 = spread(v, e, i), spread(v, e, i + 1), spread(v, e, i + 2), spread(v, e, i + 3)
    s0, s1, s2, s3 = every(ZERO), every(ZERO), every(ZERO), every(ZERO)
    t0, t1, t2, t3 = every(ZERO), every(ZERO), every(ZERO), every(ZERO)
    for j in range(0, count, LANES):
        w0, w1, w2, w3 = load(w, 0, j), load(w, 1, j), load(w, 2, j), load(w, 3, j)
        p, q = load(u, c, start + j), load(u, e, start + j)
        s0, s1, s2, s3 = s0 + w0 * p, s1 + w1 * p, s2 + w2 * p, s3 + w3 * p
        t0, t1, t2, t3 = t0 + w0 * q, t1 + w1 * q, t2 + w2 * q, t3 + w3 * q
        store(tile, c, here + j, load(tile, c, here + j) + w0 * a0 + w1 * a1 + w2 * a2 + w3 * a3)
        store(tile, e, here + j, load(tile, e, here + j) + w0 * b0 + w1 * b1 + w2 * b2 + w3 * b3)
    add_totals(out, c, i, s0, s1, s2, s3)
    add_totals(out, e, i, t0, t1, t2, t3)


@njit(forceinline=True)
def accumulate_one(
    w: Any, count: Any, v: Any, c: Any, i: Any, u: Any, start: Any, out: Any, tile: Any, here: Any
) -> None:
    """`accumulate` of column c."""
    a0, a1, a2, a3 = spread(v, c, i), spread(v, c, i + 1), spread(v, c, i + 2), spread(v, c, i + 3)
    s0, s1, s2, s3 = every(ZERO), every(ZERO), every(ZERO), every(ZERO)
    for j in range(0, count, LANES):
        w0, w1, w2, w3 = load(w, 0, j), load(w, 1, j), load(w, 2, j), load(w, 3, j)
        p = load(u, c, start + j)
        s0, s1, s2, s3 = s0 + w0 * p, s1 + w1 * p, s2 + w2 * p, s3 + w3 * p
        store(tile, c, here + j, load(tile, c, here + j) + w0 * a0 + w1 * a1 + w2 * a2 + w3 * a3)
    add_totals(out, c, i, s0, s1, s2, s3)


@njit(forceinline=True)
def accumulate_differences(
    w: Any, count: Any, v: Any, i: Any, u: Any, start: Any, out: Any, tile: Any, here: Any
) -> None:
    """out[c, i + g] += sum_j w[g, j] (v[c, i + g] - u[c, start + j]); the opposite to tile."""
    for c in range(len(v)):
        a0, a1, a2, a3 = (
            spread(v, c, i),
            spread(v, c, i + 1),
            spread(v, c, i + 2),
            spread(v, c, i + 3),
        )
        s0, s1, s2, s3 = every(ZERO), every(ZERO), every(ZERO), every(ZERO)
        for j in range(0, count, LANES):
            there = load(u, c, start + j)
            t0, t1 = load(w, 0, j) * (a0 - there), load(w, 1, j) * (a1 - there)
            t2, t3 = load(w, 2, j) * (a2 - there), load(w, 3, j) * (a3 - there)
            s0, s1, s2, s3 = s0 + t0, s1 + t1, s2 + t2, s3 + t3
            store(tile, c, here + j, load(tile, c, here + j) - (t0 + t1 + (t2 + t3)))
        add_totals(out, c, i, s0, s1, s2, s3)
