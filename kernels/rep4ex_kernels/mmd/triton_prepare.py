"""Before the pairs of two samples: moments, and points that are centred, scaled and rounded.

Rows of x and of y are padded apart, to multiples of TILE, so that no tile mixes the samples.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels import _triton_pairs
from rep4ex_kernels._triton_pairs import store_norms, two_terms, weight_scale
from rep4ex_kernels.mmd.triton_state import GAUSSIAN, TILE, chunk_moments

FAR, NO_NEIGHBOUR = tl.constexpr(_triton_pairs.FAR), tl.constexpr(_triton_pairs.NO_NEIGHBOUR)


@triton.jit
def store_moments(
    points_ptr, first_ptr, out_ptr, start, stop, column, d,
    D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Sums of points less the first row, and of their squares, over rows of one sample: (2, d)."""
    columns = column + tl.arange(0, D)
    real = columns < d
    shift = tl.load(first_ptr + columns, mask=real, other=0.0).to(tl.float64)
    sums = tl.zeros((D,), tl.float64)
    squares = tl.zeros((D,), tl.float64)
    for begin in range(start, stop, ROWS):
        rows = begin + tl.arange(0, ROWS)
        mask = (rows < stop)[:, None] & real[None, :]
        place = points_ptr + rows[:, None] * d + columns[None, :]
        value = tl.load(place, mask=mask, other=0.0).to(tl.float64)
        value = tl.where(mask, value - shift[None, :], 0.0)
        sums += tl.sum(value, 0)
        squares += tl.sum(value * value, 0)
    tl.store(out_ptr + columns, sums, mask=real)
    tl.store(out_ptr + d + columns, squares, mask=real)


@triton.jit
def scaled_rows(points_ptr, rows, inside, columns, d, centre, scale):
    """Rows (R,) of points, centred and scaled, (R, D) float64; zero outside."""
    mask = inside[:, None] & (columns < d)[None, :]
    raw = tl.load(points_ptr + rows[:, None] * d + columns[None, :], mask=mask, other=0.0)
    return tl.where(mask, (raw.to(tl.float64) - centre[None, :]) * scale, 0.0)


@triton.jit
def store_points(
    points_ptr, centre, scale, norm, first, count, place, column, columns_ptr, planar_ptr,
    norms_ptr, n_padded, d,
    FARTHEST: tl.constexpr, K: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Store D columns of ROWS rows from ``first`` on at row ``place``; returns norm (ROWS,) more.

    Where there is a split form (K > 0) one call holds all columns. A point whose norm is above
    FARTHEST is stored there as zero with NO_NEIGHBOUR for a norm.
    """
    rows = first + tl.arange(0, ROWS)
    columns = column + tl.arange(0, D)
    real = (columns < d)[None, :] & (rows >= 0)[:, None]
    z = scaled_rows(points_ptr, rows, rows < count, columns, d, centre, scale).to(tl.float32)
    at = place + tl.arange(0, ROWS)
    tl.store(planar_ptr + columns[None, :] * n_padded + at[:, None], z, mask=real)
    norm += tl.sum(z * z, 1)
    if K > 0:
        far = norm > FARTHEST
        high, low = two_terms(tl.where(far[:, None], 0.0, z * 1.4142135623730951))
        out = columns_ptr + at[:, None] * K + columns[None, :]
        tl.store(out, high, mask=real)
        tl.store(out + d, high, mask=real)
        tl.store(out + 2 * d, low, mask=real)
        # Norms are those of the stored values: a distance to itself is zero up to a sum's rounding.
        stored = high.to(tl.float64) + low.to(tl.float64)
        own = tl.sum(stored * stored, 1) * 0.5
        store_norms(
            columns_ptr, norms_ptr, at, tl.where(far, NO_NEIGHBOUR, own).to(tl.float32), d, K
        )
    return norm


@triton.jit
def store_weights(
    points_ptr, centre, squares, scale, first, count, place, column, out_ptr, d,
    W: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Store W / 2 columns of the weights [z, 1] in two terms, (ROWS, W) at row ``place``."""
    rows = first + tl.arange(0, ROWS)
    columns = column + tl.arange(0, W // 2)
    z = scaled_rows(points_ptr, rows, rows < count, columns, d, centre, scale).to(tl.float32)
    z *= weight_scale(squares * scale * scale)[None, :]
    one = (columns == d)[None, :] & (rows < count)[:, None]
    high, low = two_terms(tl.where(one, 1.0, z))
    at = place + tl.arange(0, ROWS)
    out = out_ptr + at[:, None] * W + tl.arange(0, W // 2)[None, :]
    tl.store(out, high)
    tl.store(out + W // 2, low)


@triton.jit
def prepare_tile(
    points_ptr, first_ptr, moments_ptr, scale, tile, first, count,
    columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr,
    first_parts, parts, n_padded, n, m, d, chunks,
    KIND: tl.constexpr, FLAT: tl.constexpr, K: tl.constexpr, W: tl.constexpr, D: tl.constexpr,
    ROWS: tl.constexpr,
):  # fmt: skip
    """Lay out one tile, ROWS rows at a time.

    Its rows are those of ``points`` from ``first`` on, of which there are ``count`` in all.
    """
    largest = tl.zeros((), tl.float32)
    for begin in range(0, TILE, ROWS):
        norm = tl.zeros((ROWS,), tl.float32)
        place = tile * TILE + begin
        for column in range(0, d, D):
            centre, _sums, _squares = chunk_moments(
                moments_ptr, first_ptr, first_parts, parts, n, m, column, d, D
            )
            norm = store_points(
                points_ptr, centre, scale, norm, first + begin, count, place, column,
                columns_ptr, planar_ptr, norms_ptr, n_padded, d,
                FAR if KIND == GAUSSIAN else NO_NEIGHBOUR, K, D, ROWS,
            )  # fmt: skip
        largest = tl.maximum(largest, tl.max(norm, 0))
        if not FLAT:
            for chunk in range(0, chunks):
                column = chunk * (W // 2)
                centre, _sums, squares = chunk_moments(
                    moments_ptr, first_ptr, first_parts, parts, n, m, column, d, W // 2
                )
                store_weights(
                    points_ptr, centre, squares, scale, first + begin, count, place, column,
                    weights_ptr + chunk * n_padded * W, d, W, ROWS,
                )  # fmt: skip
    tl.store(largest_ptr + tile, largest)
