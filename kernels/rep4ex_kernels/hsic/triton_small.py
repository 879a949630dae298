"""HSIC of few rows: one program a problem does what the other kernels do, one phase after another.

What a phase leaves for the next lies in global memory, between them stands a barrier. Launches are
what few rows cost, and a batch of many small problems fills the device by itself. Phases without
tensor cores are calls, which keeps their registers apart; the others cannot be on sm_100.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels.hsic.triton_combine import combine_rows
from rep4ex_kernels.hsic.triton_forms import FEW_ROWS, level_of, sample_form, store_row_sums
from rep4ex_kernels.hsic.triton_prepare import (
    COLUMNS,
    USER_TENSORS,
    prepare_sample,
    store_moments,
)
from rep4ex_kernels.hsic.triton_weighted import store_shifts, weighted_tile


@triton.jit(noinline=True)
def prepare_phase(
    x_ptr, y_ptr, x_bandwidth, y_bandwidth, moments_ptr, state_ptr, columns_ptr, planar_ptr,
    norms_ptr, largest_ptr, weights_ptr, samples, tiles, chunks, n, p, q,
    K: tl.constexpr, W: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Moments, state and layouts of both samples."""
    d = tl.maximum(p, q)
    padded = tiles * BLOCK
    for sample in range(samples):
        points_ptr = x_ptr
        bandwidth = x_bandwidth
        features = p
        if sample == 1:
            points_ptr = y_ptr
            bandwidth = y_bandwidth
            features = q
        store_moments(points_ptr, moments_ptr + sample * 2 * d, 0, n, features, D, ROWS)
        tl.debug_barrier()
        prepare_sample(
            points_ptr, bandwidth, moments_ptr + sample * 2 * d,
            state_ptr + sample * (COLUMNS + 2 * d), columns_ptr + sample * padded * K,
            planar_ptr + sample * padded * d, norms_ptr + sample * padded,
            largest_ptr + sample * tiles, weights_ptr + sample * chunks * padded * W,
            0, tiles, tiles, chunks, 1, n, features, K, W, D, BLOCK,
        )  # fmt: skip


@triton.jit
def row_sums_phase(
    state_ptr, columns_ptr, planar_ptr, norms_ptr, largest_ptr, sums_ptr, totals_ptr,
    tiles, row_tiles, n, p, q,
    K: tl.constexpr, PRECISE: tl.constexpr, BLOCK: tl.constexpr, BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Row sums of both kernels."""
    d = tl.maximum(p, q)
    padded = tiles * BLOCK
    for place in range(2 * row_tiles):
        sample = place // row_tiles
        store_row_sums(
            state_ptr + sample * (COLUMNS + 2 * d), columns_ptr + sample * padded * K,
            planar_ptr + sample * padded * d, norms_ptr + sample * padded,
            largest_ptr + sample * tiles, sums_ptr + sample * padded, totals_ptr + place,
            place % row_tiles * BLOCK_M, 0, n, n, tiles, tl.where(sample == 0, p, q),
            FEW_ROWS, 0, K, PRECISE, BLOCK, BLOCK_M, BLOCK_N,
        )  # fmt: skip


@triton.jit(noinline=True)
def shifts_phase(
    state_ptr, largest_ptr, sums_ptr, totals_ptr, shifts_ptr, tiles, row_tiles, n, p, q,
    UNBIASED: tl.constexpr, PRECISE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Shifts of both kernels."""
    d = tl.maximum(p, q)
    padded = tiles * BLOCK
    for place in range(2 * tiles):
        sample = place // tiles
        row = place % tiles * BLOCK
        own_ptr = state_ptr + sample * (COLUMNS + 2 * d)
        wide, _, _ = sample_form(
            own_ptr, largest_ptr + sample * tiles, row, tiles, p, PRECISE, BLOCK
        )
        store_shifts(
            sums_ptr + sample * padded, totals_ptr + sample * row_tiles,
            shifts_ptr + sample * padded, wide, level_of(own_ptr, wide), row, 1, row_tiles, n,
            padded, UNBIASED, BLOCK,
        )  # fmt: skip


@triton.jit
def weighted_phase(
    state_ptr, columns_ptr, planar_ptr, norms_ptr, largest_ptr, weights_ptr, shifts_ptr,
    partial_ptr, values_ptr, tiles, row_tiles, chunks, n, p, q,
    K: tl.constexpr, W: tl.constexpr, PRECISE: tl.constexpr, CHUNK: tl.constexpr,
    BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Weighted sums."""
    d = tl.maximum(p, q)
    padded = tiles * BLOCK
    wide = padded * W
    for place in range(chunks * row_tiles):
        chunk = place // row_tiles
        tile = place % row_tiles
        weighted_tile(
            state_ptr, columns_ptr, planar_ptr, norms_ptr, largest_ptr, weights_ptr + chunk * wide,
            state_ptr + COLUMNS + 2 * d, columns_ptr + padded * K, planar_ptr + padded * d,
            norms_ptr + padded, largest_ptr + tiles, weights_ptr + (chunks + chunk) * wide,
            shifts_ptr, partial_ptr + chunk * wide, partial_ptr + (chunks + chunk) * wide,
            values_ptr + tile, chunk == 0, tile * BLOCK_M, 0, n, n, tiles, p, q,
            FEW_ROWS, 0, 0, K, K, W, W, PRECISE, CHUNK, BLOCK, BLOCK_M, BLOCK_N,
        )  # fmt: skip


@triton.jit(noinline=True)
def combine_phase(
    x_ptr, y_ptr, state_ptr, columns_ptr, largest_ptr, weights_ptr, shifts_ptr, partial_ptr,
    values_ptr, x_gradient_ptr, y_gradient_ptr, tiles, row_tiles, chunks, n, p, q,
    UNBIASED: tl.constexpr, PRECISE: tl.constexpr, K: tl.constexpr, W: tl.constexpr,
    BLOCK: tl.constexpr, BLOCK_M: tl.constexpr,
):  # fmt: skip
    """Gradients; returns the value (float32)."""
    padded = tiles * BLOCK
    wide = padded * W
    total = tl.zeros((), tl.float64)
    for tile in range(row_tiles):
        total += combine_rows(
            x_ptr, state_ptr, columns_ptr, largest_ptr, weights_ptr, partial_ptr, x_gradient_ptr,
            y_ptr, state_ptr + COLUMNS + 2 * tl.maximum(p, q), columns_ptr + padded * K,
            largest_ptr + tiles, weights_ptr + chunks * wide, partial_ptr + chunks * wide,
            y_gradient_ptr,
            shifts_ptr, values_ptr, tile * BLOCK_M, 1, wide, wide, tiles, row_tiles, n, p, q,
            UNBIASED, PRECISE, K, K, W, W, BLOCK, BLOCK_M,
        )  # fmt: skip
    return total.to(tl.float32)


@triton.jit(
    do_not_specialize=["samples", "tiles", "row_tiles", "chunks", "n", "p", "q"],
    do_not_specialize_on_alignment=USER_TENSORS,
)
def whole_kernel(
    x_ptr, y_ptr, x_bandwidth_ptr, y_bandwidth_ptr, moments_ptr, state_ptr, columns_ptr,
    planar_ptr, norms_ptr, largest_ptr, weights_ptr, sums_ptr, totals_ptr, shifts_ptr,
    partial_ptr, values_ptr, x_gradient_ptr, y_gradient_ptr, result_ptr,
    samples, tiles, row_tiles, chunks, n, p, q,
    UNBIASED: tl.constexpr, PRECISE: tl.constexpr, K: tl.constexpr, W: tl.constexpr,
    D: tl.constexpr, ROWS: tl.constexpr, CHUNK: tl.constexpr,
    BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Grid (batches,). Both samples are laid out for the larger number of features.

    Their number is an argument so that the compiler does not write their code twice.
    """
    batch = tl.program_id(0).to(tl.int64)
    padded = tiles * BLOCK
    d = tl.maximum(p, q)
    size = COLUMNS + 2 * d
    wide = padded * W
    prepare_phase(
        x_ptr + batch * n * p, y_ptr + batch * n * q,
        tl.load(x_bandwidth_ptr + batch), tl.load(y_bandwidth_ptr + batch),
        moments_ptr + batch * 4 * d, state_ptr + batch * 2 * size,
        columns_ptr + batch * 2 * padded * K, planar_ptr + batch * 2 * padded * d,
        norms_ptr + batch * 2 * padded, largest_ptr + batch * 2 * tiles,
        weights_ptr + batch * 2 * chunks * wide,
        samples, tiles, chunks, n, p, q, K, W, D, ROWS, BLOCK,
    )  # fmt: skip
    tl.debug_barrier()
    row_sums_phase(
        state_ptr + batch * 2 * size, columns_ptr + batch * 2 * padded * K,
        planar_ptr + batch * 2 * padded * d, norms_ptr + batch * 2 * padded,
        largest_ptr + batch * 2 * tiles, sums_ptr + batch * 2 * padded,
        totals_ptr + batch * 2 * row_tiles,
        tiles, row_tiles, n, p, q, K, PRECISE, BLOCK, BLOCK_M, BLOCK_N,
    )  # fmt: skip
    tl.debug_barrier()
    shifts_phase(
        state_ptr + batch * 2 * size, largest_ptr + batch * 2 * tiles,
        sums_ptr + batch * 2 * padded, totals_ptr + batch * 2 * row_tiles,
        shifts_ptr + batch * 2 * padded,
        tiles, row_tiles, n, p, q, UNBIASED, PRECISE, BLOCK,
    )  # fmt: skip
    tl.debug_barrier()
    weighted_phase(
        state_ptr + batch * 2 * size, columns_ptr + batch * 2 * padded * K,
        planar_ptr + batch * 2 * padded * d, norms_ptr + batch * 2 * padded,
        largest_ptr + batch * 2 * tiles, weights_ptr + batch * 2 * chunks * wide,
        shifts_ptr + batch * 2 * padded, partial_ptr + batch * 2 * chunks * wide,
        values_ptr + batch * row_tiles, tiles, row_tiles, chunks, n, p, q,
        K, W, PRECISE, CHUNK, BLOCK, BLOCK_M, BLOCK_N,
    )  # fmt: skip
    tl.debug_barrier()
    value = combine_phase(
        x_ptr + batch * n * p, y_ptr + batch * n * q, state_ptr + batch * 2 * size,
        columns_ptr + batch * 2 * padded * K, largest_ptr + batch * 2 * tiles,
        weights_ptr + batch * 2 * chunks * wide, shifts_ptr + batch * 2 * padded,
        partial_ptr + batch * 2 * chunks * wide, values_ptr + batch * row_tiles,
        x_gradient_ptr + batch * n * p, y_gradient_ptr + batch * n * q,
        tiles, row_tiles, chunks, n, p, q, UNBIASED, PRECISE, K, W, BLOCK, BLOCK_M,
    )  # fmt: skip
    tl.store(result_ptr + batch, value)
