"""Sums over pairs, compiled for the CPU by Numba: below what torch's own operations allow.

    out_i = sum_j w(|x_i - y_j|^2) v_j,  and for the other side  out_j = sum_i w v_i

The squares are direct differences, exact to rounding at any spread. A group of rows meets a block
of columns in short loops over the block, all of it in the first-level cache: squares, weights, and
for every column of values one fused dot product and update. Gaussians of one or two features and
one or two columns of values take a single loop, in which the weights never leave the registers.
exp2 is a polynomial, so that the compiler vectorises it.

Accumulation has two levels (a tile, then the total), which keeps float32's error small at any n.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rep4ex_kernels._numba_exp2 import exp2

GAUSSIAN, GAUSSIANS, ROOT = 0, 1, 2
ROWS = 256  # of a tile; on the diagonal, where symmetry saves nothing, tiles are as wide
COLUMNS = 1024  # the longest loop: long enough to forget its start, short enough for the cache
GROUP = 4


# Loops run over slices from zero: an index start + j could be negative for all the compiler knows,
# and its wrap-around would keep the loop from being vectorised.


@njit(fastmath=True)
def squares(x: Any, i: Any, y: Any, start: Any, out: Any) -> None:
    """out[j] = |x_i - y_(start + j)|^2; x (k, n), y (k, m). Four columns a loop, then one."""
    count, k = len(out), len(x)
    stop = start + count
    for c in range(0, k - 3, 4):
        x0, x1, x2, x3 = x[c, i], x[c + 1, i], x[c + 2, i], x[c + 3, i]
        y0, y1 = y[c, start:stop], y[c + 1, start:stop]
        y2, y3 = y[c + 2, start:stop], y[c + 3, start:stop]
        if c == 0:
            for j in range(count):
                d0, d1, d2, d3 = x0 - y0[j], x1 - y1[j], x2 - y2[j], x3 - y3[j]
                out[j] = d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
        else:
            for j in range(count):
                d0, d1, d2, d3 = x0 - y0[j], x1 - y1[j], x2 - y2[j], x3 - y3[j]
                out[j] += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
    for c in range(k - k % 4, k):
        here, there = x[c, i], y[c, start:stop]
        if c == 0:
            for j in range(count):
                difference = here - there[j]
                out[j] = difference * difference
        else:
            for j in range(count):
                difference = here - there[j]
                out[j] += difference * difference


@njit(fastmath=True)
def dots(w0: Any, w1: Any, w2: Any, w3: Any, v: Any) -> Any:
    """sum_j w_g[j] v[j] for the four rows."""
    s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for j in range(len(v)):
        value = v[j]
        s0 += w0[j] * value
        s1 += w1[j] * value
        s2 += w2[j] * value
        s3 += w3[j] * value
    return s0, s1, s2, s3


@njit(fastmath=True)
def dots_and_update(
    w0: Any, w1: Any, w2: Any, w3: Any, v: Any, a: Any, b: Any, c: Any, d: Any, out: Any
) -> Any:
    """The same, and out[j] += a w_0[j] + b w_1[j] + c w_2[j] + d w_3[j]."""
    s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for j in range(len(v)):
        value = v[j]
        s0 += w0[j] * value
        s1 += w1[j] * value
        s2 += w2[j] * value
        s3 += w3[j] * value
        out[j] += w0[j] * a + w1[j] * b + w2[j] * c + w3[j] * d
    return s0, s1, s2, s3


@njit(fastmath=True)
def accumulate(
    w: Any, count: Any, v: Any, start: Any, vi: Any, acc: Any, out: Any, both: Any
) -> None:
    """acc[g, c] = sum_j w[g, j] v[c, start + j]; out[c, j] += sum_g w[g, j] vi[g, c] if both."""
    w0, w1, w2, w3 = w[0, :count], w[1, :count], w[2, :count], w[3, :count]
    for c in range(len(v)):
        there = v[c, start : start + count]
        if both:
            sums = dots_and_update(
                w0, w1, w2, w3, there, vi[0, c], vi[1, c], vi[2, c], vi[3, c], out[c, :count]
            )
        else:
            sums = dots(w0, w1, w2, w3, there)
        acc[0, c], acc[1, c], acc[2, c], acc[3, c] = sums


@njit(fastmath=True)
def accumulate_differences(
    w: Any, count: Any, v: Any, start: Any, vi: Any, acc: Any, out: Any, both: Any
) -> None:
    """acc[g, c] = sum_j w[g, j] (vi[g, c] - v[c, start + j]); the other way round to out."""
    w0, w1, w2, w3 = w[0, :count], w[1, :count], w[2, :count], w[3, :count]
    for c in range(len(v)):
        there, back = v[c, start : start + count], out[c, :count]
        a0, a1, a2, a3 = vi[0, c], vi[1, c], vi[2, c], vi[3, c]
        s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for j in range(count):
            value = there[j]
            t0, t1 = w0[j] * (a0 - value), w1[j] * (a1 - value)
            t2, t3 = w2[j] * (a2 - value), w3[j] * (a3 - value)
            s0 += t0
            s1 += t1
            s2 += t2
            s3 += t3
            if both:
                back[j] -= t0 + t1 + t2 + t3
        acc[0, c], acc[1, c], acc[2, c], acc[3, c] = s0, s1, s2, s3


@njit(fastmath=True)
def gaussian_one(x: Any, i: Any, y: Any, start: Any, scale: Any, out: Any) -> None:
    """out[j] = exp2(scale |x_i - y_(start + j)|^2)."""
    squares(x, i, y, start, out)
    for j in range(len(out)):
        out[j] = exp2(out[j] * scale)


@njit(fastmath=True)
def gaussian_four(x: Any, i: Any, y: Any, start: Any, scale: Any, w: Any, count: Any) -> None:
    """w[g, j] = exp2(scale |x_(i + g) - y_(start + j)|^2) for four rows; reads y_j once for all."""
    stop = start + count
    w0, w1, w2, w3 = w[0, :count], w[1, :count], w[2, :count], w[3, :count]
    if len(x) == 1:
        a, b, c, d, y0 = x[0, i], x[0, i + 1], x[0, i + 2], x[0, i + 3], y[0, start:stop]
        for j in range(count):
            p0 = y0[j]
            w0[j] = exp2((a - p0) * (a - p0) * scale)
            w1[j] = exp2((b - p0) * (b - p0) * scale)
            w2[j] = exp2((c - p0) * (c - p0) * scale)
            w3[j] = exp2((d - p0) * (d - p0) * scale)
    elif len(x) == 2:
        a0, b0, c0, d0, y0 = x[0, i], x[0, i + 1], x[0, i + 2], x[0, i + 3], y[0, start:stop]
        a1, b1, c1, d1, y1 = x[1, i], x[1, i + 1], x[1, i + 2], x[1, i + 3], y[1, start:stop]
        for j in range(count):
            p0, p1 = y0[j], y1[j]
            w0[j] = exp2(((a0 - p0) * (a0 - p0) + (a1 - p1) * (a1 - p1)) * scale)
            w1[j] = exp2(((b0 - p0) * (b0 - p0) + (b1 - p1) * (b1 - p1)) * scale)
            w2[j] = exp2(((c0 - p0) * (c0 - p0) + (c1 - p1) * (c1 - p1)) * scale)
            w3[j] = exp2(((d0 - p0) * (d0 - p0) + (d1 - p1) * (d1 - p1)) * scale)
    elif len(x) == 4:
        a0, b0, c0, d0, y0 = x[0, i], x[0, i + 1], x[0, i + 2], x[0, i + 3], y[0, start:stop]
        a1, b1, c1, d1, y1 = x[1, i], x[1, i + 1], x[1, i + 2], x[1, i + 3], y[1, start:stop]
        a2, b2, c2, d2, y2 = x[2, i], x[2, i + 1], x[2, i + 2], x[2, i + 3], y[2, start:stop]
        a3, b3, c3, d3, y3 = x[3, i], x[3, i + 1], x[3, i + 2], x[3, i + 3], y[3, start:stop]
        for j in range(count):
            p0, p1, p2, p3 = y0[j], y1[j], y2[j], y3[j]
            e0, e1, e2, e3 = a0 - p0, a1 - p1, a2 - p2, a3 - p3
            w0[j] = exp2((e0 * e0 + e1 * e1 + e2 * e2 + e3 * e3) * scale)
            e0, e1, e2, e3 = b0 - p0, b1 - p1, b2 - p2, b3 - p3
            w1[j] = exp2((e0 * e0 + e1 * e1 + e2 * e2 + e3 * e3) * scale)
            e0, e1, e2, e3 = c0 - p0, c1 - p1, c2 - p2, c3 - p3
            w2[j] = exp2((e0 * e0 + e1 * e1 + e2 * e2 + e3 * e3) * scale)
            e0, e1, e2, e3 = d0 - p0, d1 - p1, d2 - p2, d3 - p3
            w3[j] = exp2((e0 * e0 + e1 * e1 + e2 * e2 + e3 * e3) * scale)
    else:
        for g in range(GROUP):
            gaussian_one(x, i + g, y, start, scale, w[g, :count])


@njit(fastmath=True)
def gaussian_rows(
    x: Any, i: Any, rows: Any, y: Any, start: Any, scale: Any, w: Any, count: Any
) -> None:
    """w[g, j] = exp2(scale |x_(i + g) - y_(start + j)|^2) of a group; 0 from row `rows` on."""
    if rows == GROUP:
        gaussian_four(x, i, y, start, scale, w, count)
        return
    for g in range(rows):
        gaussian_one(x, i + g, y, start, scale, w[g, :count])
    w[rows:, :count] = np.float32(0)


@njit(fastmath=True)
def narrow_gaussian_rows(
    x: Any, i: Any, y: Any, start: Any, count: Any, scale: Any, v: Any, vi: Any, acc: Any, out: Any
) -> None:
    """`gaussian_four` and `accumulate` in one loop, for at most two features and two columns.

    vi, acc and out have two columns; where v has one, that of vi holds zeros and those of acc and
    out hold nothing of use.
    """
    stop, last = start + count, len(v) - 1
    u0, u1, out0, out1 = v[0, start:stop], v[last, start:stop], out[0, :count], out[1, :count]
    a0, b0, c0, d0 = vi[0, 0], vi[1, 0], vi[2, 0], vi[3, 0]
    a1, b1, c1, d1 = vi[0, 1], vi[1, 1], vi[2, 1], vi[3, 1]
    r0, s0, t0, q0 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    r1, s1, t1, q1 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    if len(x) == 1:
        e, f, g, h, y0 = x[0, i], x[0, i + 1], x[0, i + 2], x[0, i + 3], y[0, start:stop]
        for j in range(count):
            p0, v0, v1 = y0[j], u0[j], u1[j]
            w0 = exp2((e - p0) * (e - p0) * scale)
            w1 = exp2((f - p0) * (f - p0) * scale)
            w2 = exp2((g - p0) * (g - p0) * scale)
            w3 = exp2((h - p0) * (h - p0) * scale)
            r0, s0, t0, q0 = r0 + w0 * v0, s0 + w1 * v0, t0 + w2 * v0, q0 + w3 * v0
            r1, s1, t1, q1 = r1 + w0 * v1, s1 + w1 * v1, t1 + w2 * v1, q1 + w3 * v1
            out0[j] += w0 * a0 + w1 * b0 + w2 * c0 + w3 * d0
            out1[j] += w0 * a1 + w1 * b1 + w2 * c1 + w3 * d1
    else:
        e0, f0, g0, h0, y0 = x[0, i], x[0, i + 1], x[0, i + 2], x[0, i + 3], y[0, start:stop]
        e1, f1, g1, h1, y1 = x[1, i], x[1, i + 1], x[1, i + 2], x[1, i + 3], y[1, start:stop]
        for j in range(count):
            p0, p1, v0, v1 = y0[j], y1[j], u0[j], u1[j]
            w0 = exp2(((e0 - p0) * (e0 - p0) + (e1 - p1) * (e1 - p1)) * scale)
            w1 = exp2(((f0 - p0) * (f0 - p0) + (f1 - p1) * (f1 - p1)) * scale)
            w2 = exp2(((g0 - p0) * (g0 - p0) + (g1 - p1) * (g1 - p1)) * scale)
            w3 = exp2(((h0 - p0) * (h0 - p0) + (h1 - p1) * (h1 - p1)) * scale)
            r0, s0, t0, q0 = r0 + w0 * v0, s0 + w1 * v0, t0 + w2 * v0, q0 + w3 * v0
            r1, s1, t1, q1 = r1 + w0 * v1, s1 + w1 * v1, t1 + w2 * v1, q1 + w3 * v1
            out0[j] += w0 * a0 + w1 * b0 + w2 * c0 + w3 * d0
            out1[j] += w0 * a1 + w1 * b1 + w2 * c1 + w3 * d1
    acc[0, 0], acc[1, 0], acc[2, 0], acc[3, 0] = r0, s0, t0, q0
    acc[0, 1], acc[1, 1], acc[2, 1], acc[3, 1] = r1, s1, t1, q1


@njit(fastmath=True)
def root_row(w: Any) -> Any:
    """w = 1 / sqrt(w), 0 for 0; returns the sum of sqrt(w)."""
    total = np.float32(0)
    for j in range(len(w)):
        square = w[j]
        reciprocal = np.float32(1) / np.sqrt(max(square, np.float32(1e-36)))
        total += square * reciprocal
        w[j] = reciprocal if square > np.float32(1e-36) else np.float32(0)
    return total


@njit(fastmath=True)
def gaussians_row(w: Any, scales: Any, factors: Any, steps: Any, kernel: Any, mixed: Any) -> Any:
    """w = sum_q factor_q exp2(scale_q w); returns the sum of all exponentials.

    A bandwidth with steps >= 0 comes from the one before by so many squarings.
    """
    total = np.float32(0)
    for j in range(len(w)):
        value = exp2(w[j] * scales[0])
        kernel[j] = value
        mixed[j] = value * factors[0]
        total += value
    for q in range(1, len(scales)):
        scale, factor = scales[q], factors[q]
        if steps[q] == 2:
            for j in range(len(w)):
                value = kernel[j] * kernel[j]
                value = value * value
                kernel[j] = value
                mixed[j] += value * factor
                total += value
        else:
            for j in range(len(w)):
                value = exp2(w[j] * scale)
                kernel[j] = value
                mixed[j] += value * factor
                total += value
    for j in range(len(w)):
        w[j] = mixed[j]
    return total


@njit(fastmath=True)
def weigh(
    mode: Any, x: Any, i: Any, y: Any, start: Any, w: Any, scales: Any, factors: Any, steps: Any,
    spare: Any,
) -> Any:  # fmt: skip
    """w[j] = weight of x_i and y_(start + j), not GAUSSIAN; returns the sum of the kernel."""
    squares(x, i, y, start, w)
    if mode == ROOT:
        return root_row(w)
    return gaussians_row(w, scales, factors, steps, spare[0, : len(w)], spare[1, : len(w)])


@njit(fastmath=True, nogil=True, cache=True)
def pair_sums(  # noqa: PLR0912 (one loop nest; calls between its levels would cost more than they say)
    x: Any, y: Any, v: Any, u: Any, symmetric: Any, mode: Any, scales: Any, factors: Any,
    steps: Any, differences: Any, first: Any, stride: Any, out_x: Any, out_y: Any,
) -> Any:  # fmt: skip
    """Add sum_j w_ij u_j to out_x and sum_i w_ij v_i to out_y; return sum_ij k_ij (not GAUSSIAN).

    x (k, n), y (k, m), v (c, n), u (c, m), out_x (c, n), out_y (c, m), all float32. Of the blocks
    of rows only first, first + stride, ... are done. If symmetric, y is x, out_y is out_x and only
    tiles on and above the diagonal are computed; a tile above counts twice in the sum.
    GAUSSIAN is a product with the kernel; the other modes are weights of gradients, where a point
    does not pull itself: its weight, the largest, would only leave rounding.
    If differences, v and u are points and what is summed is w_ij (v_i - u_j), for weights so large
    that the difference of two sums would lose it.
    """
    n, m, width = x.shape[1], y.shape[1], len(v)
    narrow = mode == GAUSSIAN and len(x) <= 2 and width <= 2
    w = np.empty((GROUP, COLUMNS), np.float32)
    spare = np.empty((2, COLUMNS), np.float32)
    vi = np.zeros((GROUP, max(width, 2)), np.float32)
    acc = np.zeros((GROUP, max(width, 2)), np.float32)
    tile = np.zeros((max(width, 2), COLUMNS), np.float32)
    value = 0.0
    for block in range(first, (n + ROWS - 1) // ROWS, stride):
        row = block * ROWS
        last = min(row + ROWS, n)
        column = row if symmetric else 0
        while column < m:
            both = not (symmetric and column == row)
            count = min(COLUMNS if both else ROWS, m - column)
            tile[:, :count] = np.float32(0)
            for i in range(row, last, GROUP):
                rows = min(GROUP, last - i)
                for g in range(GROUP):
                    for c in range(width):
                        vi[g, c] = v[c, i + g] if g < rows else np.float32(0)
                if narrow and rows == GROUP:
                    narrow_gaussian_rows(x, i, y, column, count, scales[0], u, vi, acc, tile)
                else:
                    if mode == GAUSSIAN:
                        gaussian_rows(x, i, rows, y, column, scales[0], w, count)
                    else:
                        w[rows:, :count] = np.float32(0)
                        for g in range(rows):
                            line = w[g, :count]
                            part = weigh(
                                mode, x, i + g, y, column, line, scales, factors, steps, spare
                            )
                            value += (2.0 if symmetric and both else 1.0) * part
                            if not both:
                                line[i + g - column] = np.float32(0)
                    if differences:
                        accumulate_differences(w, count, u, column, vi, acc, tile, both)
                    else:
                        accumulate(w, count, u, column, vi, acc, tile, both)
                for g in range(rows):
                    for c in range(width):
                        out_x[c, i + g] += acc[g, c]
            if both:
                for c in range(width):
                    for j in range(count):
                        out_y[c, column + j] += tile[c, j]
            column += count
    return value
