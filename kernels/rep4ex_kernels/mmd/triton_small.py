"""MMD^2 and the energy distance of few rows: one program a problem does all that four launches do.

What a phase leaves for the next lies in global memory, between them stands a barrier. Launches are
what few rows cost, and a batch of many small problems fills the device by itself. Phases without
tensor cores are calls, which keeps their registers apart; that of the pairs cannot be on sm_100, so
it stands once, in a loop over the tiles of rows, the sample of the columns and the chunks.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_pairs import EVERY_FORM
from rep4ex_kernels.mmd.triton_kernel import SIZES, USER_TENSORS, combined_rows, pair_sums
from rep4ex_kernels.mmd.triton_prepare import prepare_tile, store_moments
from rep4ex_kernels.mmd.triton_radial import AS_THEY_ARE
from rep4ex_kernels.mmd.triton_state import TILE, prepare_problem, store_columns, store_state

FORMS = tl.constexpr(EVERY_FORM)


@triton.jit
def row_of(place, blocks_x, tiles_x, ROWS: tl.constexpr):
    """The first padded row of a block of ROWS rows, of which x has ``blocks_x``, then comes y."""
    block = tl.where(place < blocks_x, place, place - blocks_x)
    return block * ROWS + tl.where(place < blocks_x, 0, tiles_x * TILE)


@triton.jit(noinline=True)
def moments_phase(x_ptr, y_ptr, moments_ptr, samples, n, m, d, D: tl.constexpr, ROWS: tl.constexpr):
    """Moments (2, 2, d): one part of each sample."""
    for sample in range(samples):
        points_ptr = x_ptr
        count = n
        if sample == 1:
            points_ptr = y_ptr
            count = m
        for column in range(0, d, D):
            store_moments(
                points_ptr, x_ptr, moments_ptr + sample * 2 * d, 0, count, column, d, D, ROWS
            )


@triton.jit(noinline=True)
def prepare_phase(
    x_ptr, y_ptr, widths_ptr, moments_ptr, state_ptr, rates_ptr,
    columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr,
    samples, n, m, d, tiles_x, tiles_y, chunks,
    UNBIASED: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, QP: tl.constexpr,
    FLAT: tl.constexpr, K: tl.constexpr, W: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """State and layouts of both samples."""
    tiles = tiles_x + tiles_y
    scale, mean, own_x, own_y, apart = prepare_problem(
        moments_ptr, widths_ptr, x_ptr, 1, samples, n, m, d, KIND, Q, QP, D
    )
    store_state(
        widths_ptr, rates_ptr, state_ptr, scale, mean, own_x, own_y, apart, n, m,
        UNBIASED, KIND, Q, QP,
    )  # fmt: skip
    store_columns(moments_ptr, x_ptr, state_ptr, 1, samples, n, m, d, scale, D)
    for tile in range(tiles):
        points_ptr = x_ptr
        first = tile * TILE
        count = n
        if tile >= tiles_x:
            points_ptr = y_ptr
            first = (tile - tiles_x) * TILE
            count = m
        prepare_tile(
            points_ptr, x_ptr, moments_ptr, scale, tile, first, count,
            columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr,
            1, samples, tiles * TILE, n, m, d, chunks, KIND, FLAT, K, W, D, ROWS,
        )  # fmt: skip


@triton.jit
def pair_phase(
    state_ptr, rates_ptr, columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr,
    weighted_ptr, sums_ptr, samples, n, m, d, tiles_x, tiles_y, chunks,
    KIND: tl.constexpr, Q: tl.constexpr, FLAT: tl.constexpr, UNROLLED: tl.constexpr,
    K: tl.constexpr, W: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Row sums over the columns of x and of y."""
    tiles = tiles_x + tiles_y
    padded = tiles * TILE
    blocks_x = (n + BLOCK_M - 1) // BLOCK_M
    blocks = blocks_x + (m + BLOCK_M - 1) // BLOCK_M
    for place in range(blocks * samples * chunks):
        block = place % blocks
        split = place // blocks % samples
        chunk = place // (blocks * samples)
        start = split * tiles_x * TILE
        last = start + tl.where(split == 0, n, m)
        pair_sums(
            state_ptr, rates_ptr, columns_ptr, planar_ptr, norms_ptr,
            weights_ptr + chunk * padded * W, largest_ptr,
            weighted_ptr + (split * chunks + chunk) * padded * W, sums_ptr + split * padded,
            row_of(block, blocks_x, tiles_x, BLOCK_M), start,
            tl.where(split == 0, tiles_x * TILE, padded), last, tiles, padded, d,
            d % (W // 2), chunk == chunks - 1,
            KIND, Q, FLAT, UNROLLED, K, W, True, AS_THEY_ARE, FORMS, BLOCK_M, BLOCK_N, BLOCK_D,
        )  # fmt: skip


@triton.jit(noinline=True)
def combine_phase(
    x_ptr, y_ptr, grad_x_ptr, grad_y_ptr, state_ptr, largest_ptr, weighted_ptr, sums_ptr,
    samples, n, m, d, tiles_x, tiles_y, chunks,
    UNBIASED: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, FLAT: tl.constexpr,
    K: tl.constexpr, W: tl.constexpr, D: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Gradients; returns the value (float32)."""
    tiles = tiles_x + tiles_y
    padded = (tiles * TILE).to(tl.int64)
    blocks_x = (n + ROWS - 1) // ROWS
    total = tl.zeros((), tl.float64)
    for place in range(blocks_x + (m + ROWS - 1) // ROWS):
        total += combined_rows(
            x_ptr, y_ptr, grad_x_ptr, grad_y_ptr, state_ptr, largest_ptr, weighted_ptr, sums_ptr,
            row_of(place, blocks_x, tiles_x, ROWS), n, m, d, tiles_x, tiles, chunks, 1, samples,
            padded * chunks * W, padded, UNBIASED, KIND, Q, FLAT, K, W, True, D, ROWS,
        )  # fmt: skip
    return total.to(tl.float32)


@triton.jit(do_not_specialize=["samples", *SIZES], do_not_specialize_on_alignment=USER_TENSORS)
def whole_kernel(
    x_ptr, y_ptr, grad_x_ptr, grad_y_ptr, widths_ptr, result_ptr, moments_ptr, state_ptr, rates_ptr,
    columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr, weighted_ptr, sums_ptr,
    samples, n, m, d, tiles_x, tiles_y, chunks, size,
    UNBIASED: tl.constexpr, KIND: tl.constexpr, Q: tl.constexpr, QP: tl.constexpr,
    FLAT: tl.constexpr, UNROLLED: tl.constexpr, K: tl.constexpr, W: tl.constexpr,
    D: tl.constexpr, ROWS: tl.constexpr, BLOCK_R: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Grid (batches,). Few rows are always summed precisely. D columns of ROWS rows are prepared
    at a time, W / 2 of BLOCK_R combined.

    The number of samples is an argument so that the compiler does not write their code twice.
    """
    batch = tl.program_id(0).to(tl.int64)
    padded = (tiles_x + tiles_y) * TILE
    wide = chunks * padded * W
    x_ptr += batch * n * d
    y_ptr += batch * m * d
    moments_ptr += batch * 4 * d
    state_ptr += batch * size
    rates_ptr += batch * 4 * Q
    columns_ptr += batch * padded * K
    planar_ptr += batch * padded * d
    norms_ptr += batch * padded
    weights_ptr += batch * wide
    largest_ptr += batch * (tiles_x + tiles_y)
    weighted_ptr += batch * 2 * wide
    sums_ptr += batch * 2 * padded
    moments_phase(x_ptr, y_ptr, moments_ptr, samples, n, m, d, D, ROWS)
    tl.debug_barrier()
    prepare_phase(
        x_ptr, y_ptr, widths_ptr + batch * Q, moments_ptr, state_ptr, rates_ptr,
        columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr,
        samples, n, m, d, tiles_x, tiles_y, chunks,
        UNBIASED, KIND, Q, QP, FLAT, K, W, D, ROWS,
    )  # fmt: skip
    tl.debug_barrier()
    pair_phase(
        state_ptr, rates_ptr, columns_ptr, planar_ptr, norms_ptr, weights_ptr, largest_ptr,
        weighted_ptr, sums_ptr, samples, n, m, d, tiles_x, tiles_y, chunks,
        KIND, Q, FLAT, UNROLLED, K, W, BLOCK_M, BLOCK_N, BLOCK_D,
    )  # fmt: skip
    tl.debug_barrier()
    value = combine_phase(
        x_ptr, y_ptr, grad_x_ptr + batch * n * d, grad_y_ptr + batch * m * d, state_ptr,
        largest_ptr, weighted_ptr, sums_ptr, samples, n, m, d, tiles_x, tiles_y, chunks,
        UNBIASED, KIND, Q, FLAT, K, W, W // 2, BLOCK_R,
    )  # fmt: skip
    tl.store(result_ptr + batch, value)
