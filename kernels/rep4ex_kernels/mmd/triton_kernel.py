"""The kernels of MMD and the energy distance: moments, prepare, pair, combine."""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_pairs import largest_of
from rep4ex_kernels.mmd.triton_combine import combine_rows, linear_part
from rep4ex_kernels.mmd.triton_prepare import prepare_tile, store_moments
from rep4ex_kernels.mmd.triton_radial import ONE_BY_ONE
from rep4ex_kernels.mmd.triton_state import (
    DISTANCE,
    TILE,
    prepare_problem,
    store_columns,
    store_state,
)
from rep4ex_kernels.mmd.triton_sums import (
    DIRECT,
    SERIES,
    SPLIT,
    form_of,
    store_flat_sums,
    store_row_sums,
)

USER_TENSORS = ["x_ptr", "y_ptr", "widths_ptr", "grad_x_ptr", "grad_y_ptr"]
SIZES = [
    "n", "m", "d", "tiles_x", "tiles_y", "first_parts", "parts", "rows_per_part", "chunks",
    "first_splits", "splits", "tiles_per_split", "size",
]  # fmt: skip


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=USER_TENSORS)
def moments_kernel(
    x_ptr, y_ptr, moments_ptr, n, m, d, first_parts, parts, rows_per_part,
    D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Grid (batches, parts of x, then of y, chunks of D columns)."""
    batch = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    column = tl.program_id(2) * D
    x_ptr += batch * n * d
    y_ptr += batch * m * d
    moments_ptr += (batch * parts + part) * 2 * d
    if part < first_parts:
        start = part * rows_per_part
        stop = tl.minimum(start + rows_per_part, n)
        store_moments(x_ptr, x_ptr, moments_ptr, start, stop, column, d, D, ROWS)
    else:
        start = (part - first_parts) * rows_per_part
        stop = tl.minimum(start + rows_per_part, m)
        store_moments(y_ptr, x_ptr, moments_ptr, start, stop, column, d, D, ROWS)


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=USER_TENSORS)
def prepare_kernel(
    x_ptr, y_ptr, widths_ptr, moments_ptr, state_ptr, rates_ptr,
    columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr,
    n, m, d, tiles_x, tiles_y, first_parts, parts, chunks, size,
    UNBIASED: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, QP: tl.constexpr,
    FLAT: tl.constexpr, K: tl.constexpr, W: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Grid (batches, tiles of x, then of y)."""
    batch = tl.program_id(0).to(tl.int64)
    tile = tl.program_id(1)
    n_padded = (tiles_x + tiles_y) * TILE
    x_ptr += batch * n * d
    y_ptr += batch * m * d
    moments_ptr += batch * parts * 2 * d
    widths_ptr += batch * Q
    scale, mean, own_x, own_y, apart = prepare_problem(
        moments_ptr, widths_ptr, x_ptr, first_parts, parts, n, m, d, KIND, Q, QP, D
    )
    if tile == 0:
        state_ptr += batch * size
        store_state(
            widths_ptr, rates_ptr + batch * 4 * Q, state_ptr, scale, mean, own_x, own_y, apart,
            n, m, UNBIASED, KIND, Q, QP,
        )  # fmt: skip
        store_columns(moments_ptr, x_ptr, state_ptr, first_parts, parts, n, m, d, scale, D)
    points_ptr = x_ptr
    first = tile * TILE
    count = n
    if tile >= tiles_x:
        points_ptr = y_ptr
        first = (tile - tiles_x) * TILE
        count = m
    prepare_tile(
        points_ptr, x_ptr, moments_ptr, scale, tile, first, count,
        columns_ptr + batch * n_padded * K, planar_ptr + batch * n_padded * d,
        norms_ptr + batch * n_padded, weights_ptr + batch * chunks * n_padded * W,
        largest_ptr + batch * (tiles_x + tiles_y),
        first_parts, parts, n_padded, n, m, d, chunks, KIND, FLAT, K, W, D, ROWS,
    )  # fmt: skip


@triton.jit
def pair_sums(
    state_ptr, rates_ptr, columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr,
    out_ptr, sums_ptr, row, start, stop, last, tiles, n_padded, d, ones, keeps,
    KIND: tl.constexpr, Q: tl.constexpr, FLAT: tl.constexpr, UNROLLED: tl.constexpr,
    K: tl.constexpr, W: tl.constexpr, PRECISE: tl.constexpr, WAY: tl.constexpr,
    FORMS: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """The row sums of one tile of rows over some columns, in the form that suits the tile."""
    own = tl.load(largest_ptr + row // TILE)
    largest = largest_of(largest_ptr, tiles, 128)
    form = form_of(own, largest, state_ptr, d, KIND, K, PRECISE)
    if FLAT:
        if form == DIRECT and (DIRECT & FORMS) != 0:
            store_flat_sums(
                planar_ptr, rates_ptr, state_ptr, out_ptr, sums_ptr, row, start, stop, last,
                n_padded, DIRECT, KIND, Q, UNROLLED, W, PRECISE, BLOCK_M, BLOCK_D,
            )  # fmt: skip
        if form == SERIES and (SERIES & FORMS) != 0:
            store_flat_sums(
                planar_ptr, rates_ptr, state_ptr, out_ptr, sums_ptr, row, start, stop, last,
                n_padded, SERIES, KIND, Q, UNROLLED, W, PRECISE, BLOCK_M, BLOCK_D,
            )  # fmt: skip
    else:
        if form == SPLIT and K > 0 and (SPLIT & FORMS) != 0:
            store_row_sums(
                columns_ptr, planar_ptr, norms_ptr, weights_ptr, rates_ptr, state_ptr, out_ptr,
                sums_ptr, own, row, start, stop, last, n_padded, d, ones, keeps,
                SPLIT, KIND, Q, UNROLLED, K, W, PRECISE, WAY, BLOCK_M, BLOCK_N,
            )  # fmt: skip
        if form == DIRECT and (DIRECT & FORMS) != 0:
            store_row_sums(
                columns_ptr, planar_ptr, norms_ptr, weights_ptr, rates_ptr, state_ptr, out_ptr,
                sums_ptr, own, row, start, stop, last, n_padded, d, ones, keeps,
                DIRECT, KIND, Q, UNROLLED, K, W, PRECISE, ONE_BY_ONE, BLOCK_M, BLOCK_D,
            )  # fmt: skip
        if form == SERIES and KIND != DISTANCE and (SERIES & FORMS) != 0:
            store_row_sums(
                columns_ptr, planar_ptr, norms_ptr, weights_ptr, rates_ptr, state_ptr, out_ptr,
                sums_ptr, own, row, start, stop, last, n_padded, d, ones, keeps,
                SERIES, KIND, Q, UNROLLED, K, W, PRECISE, WAY, BLOCK_M, BLOCK_D,
            )  # fmt: skip


@triton.jit(do_not_specialize=SIZES)
def pair_kernel(
    state_ptr, rates_ptr, columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr,
    weighted_ptr, sums_ptr,
    n, m, d, tiles_x, tiles_y, first_splits, splits, tiles_per_split, size,
    KIND: tl.constexpr, Q: tl.constexpr, FLAT: tl.constexpr, UNROLLED: tl.constexpr,
    K: tl.constexpr, W: tl.constexpr, PRECISE: tl.constexpr, WAY: tl.constexpr,
    FORMS: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Grid (batches * tiles of rows, splits of the columns of x, then of y, chunks of weights)."""
    tiles = tiles_x + tiles_y
    n_padded = tiles * TILE
    row_tiles = tiles * (TILE // BLOCK_M)
    batch = (tl.program_id(0) // row_tiles).to(tl.int64)
    row = (tl.program_id(0) % row_tiles) * BLOCK_M
    split = tl.program_id(1)
    chunk = tl.program_id(2)
    chunks = tl.num_programs(2)
    first_columns = tiles_x * TILE
    # Tiles of rows that are padding altogether have nothing to sum.
    if row >= tl.where(row < first_columns, n, first_columns + m):
        return
    start = split * tiles_per_split * TILE
    stop = tl.minimum(start + tiles_per_split * TILE, first_columns)
    last = n
    if split >= first_splits:
        start = first_columns + (split - first_splits) * tiles_per_split * TILE
        stop = tl.minimum(start + tiles_per_split * TILE, n_padded)
        last = first_columns + m
    pair_sums(
        state_ptr + batch * size, rates_ptr + batch * 4 * Q,
        columns_ptr + batch * n_padded * K, planar_ptr + batch * n_padded * d,
        norms_ptr + batch * n_padded, weights_ptr + (batch * chunks + chunk) * n_padded * W,
        largest_ptr + batch * tiles,
        weighted_ptr + ((batch * splits + split) * chunks + chunk) * n_padded * W,
        sums_ptr + (batch * splits + split) * n_padded,
        row, start, stop, last, tiles, n_padded, d, d % (W // 2), chunk == chunks - 1,
        KIND, Q, FLAT, UNROLLED, K, W, PRECISE, WAY, FORMS, BLOCK_M, BLOCK_N, BLOCK_D,
    )  # fmt: skip


@triton.jit
def combined_rows(
    x_ptr, y_ptr, grad_x_ptr, grad_y_ptr, state_ptr, largest_ptr, weighted_ptr, sums_ptr, place,
    n, m, d, tiles_x, tiles, chunks, first_splits, splits, weighted_stride, sums_stride,
    UNBIASED: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, FLAT: tl.constexpr,
    K: tl.constexpr, W: tl.constexpr, PRECISE: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Gradients of ROWS padded rows from ``place`` on, and their part of the value."""
    largest = largest_of(largest_ptr, tiles, 128)
    own = tl.load(largest_ptr + place // TILE)
    form = form_of(own, largest, state_ptr, d, KIND, K, PRECISE)
    sample = tl.where(place < tiles_x * TILE, 0, 1)
    points_ptr = x_ptr
    grad_ptr = grad_x_ptr
    first = place
    if sample == 1:
        points_ptr = y_ptr
        grad_ptr = grad_y_ptr
        first = place - tiles_x * TILE
    value = combine_rows(
        points_ptr, grad_ptr, state_ptr, weighted_ptr, sums_ptr, sample, form, first, place,
        n, m, d, tiles * TILE, chunks, first_splits, splits, weighted_stride, sums_stride,
        UNBIASED, KIND, Q, FLAT, K, W, D, ROWS,
    )  # fmt: skip
    if place == 0:
        value += linear_part(state_ptr, form, KIND, Q)
    return value


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=USER_TENSORS)
def combine_kernel(
    x_ptr, y_ptr, grad_x_ptr, grad_y_ptr, state_ptr, largest_ptr, weighted_ptr, sums_ptr,
    values_ptr, n, m, d, tiles_x, tiles_y, chunks, first_splits, splits, size,
    UNBIASED: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, FLAT: tl.constexpr,
    K: tl.constexpr, W: tl.constexpr, PRECISE: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Grid (batches, blocks of ROWS padded rows): values (batches, blocks) float64."""
    batch = tl.program_id(0).to(tl.int64)
    block = tl.program_id(1)
    tiles = tiles_x + tiles_y
    n_padded = tiles * TILE
    value = combined_rows(
        x_ptr + batch * n * d, y_ptr + batch * m * d,
        grad_x_ptr + batch * n * d, grad_y_ptr + batch * m * d,
        state_ptr + batch * size, largest_ptr + batch * tiles,
        weighted_ptr + batch * splits * chunks * n_padded * W, sums_ptr + batch * splits * n_padded,
        block * ROWS, n, m, d, tiles_x, tiles, chunks, first_splits, splits,
        chunks.to(tl.int64) * n_padded * W, n_padded.to(tl.int64),
        UNBIASED, KIND, Q, FLAT, K, W, PRECISE, D, ROWS,
    )  # fmt: skip
    tl.store(values_ptr + batch * tl.num_programs(1) + block, value)
