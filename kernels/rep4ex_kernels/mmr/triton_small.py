"""The V-statistic of few rows: one program a problem does everything, so a batch is one launch.

The phases are those of the launches in ``triton_impl.py``, from the same device functions, with a
barrier in place of the end of a launch. What they exchange lies in three buffers, one a dtype, so
that little is allocated.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from rep4ex_kernels._launch import launch, scratch
from rep4ex_kernels._least_squares import DEPENDENT
from rep4ex_kernels._rank_flags import flags_for, give_warnings
from rep4ex_kernels._triton_least_squares import factor_problem, state_size
from rep4ex_kernels._triton_pairs import (
    CHUNK_COLUMNS,
    EVERY_FORM,
    SPREAD_LIMIT,
    largest_of,
    weight_scale,
)
from rep4ex_kernels._triton_table import BLOCK, SMALL
from rep4ex_kernels.mmr.triton_kernel import (
    chunk_slopes,
    combine_part,
    mean_exponent,
    pair_tile,
    prepare_points,
    prepare_values,
    tangent,
)
from rep4ex_kernels.residualize.triton_impl import CONSTANT_PART, EPS, Geometry, Moments
from rep4ex_kernels.residualize.triton_kernel import moments_part

MOST_ROWS, MOST_ACTIONS, MOST_VALUES = 512, 7, 16


def takes(n: int, k: int, d: int) -> bool:
    """Say whether a problem is small enough for one program."""
    return n <= MOST_ROWS and k <= MOST_ACTIONS and d <= MOST_VALUES


@triton.jit(
    do_not_specialize=["tiles", "n", "k", "d", "parts", "rows_per_part", "gram_chunks", "size"],
    do_not_specialize_on_alignment=["actions_ptr", "targets_ptr"],
)
def whole_kernel(
    actions_ptr, targets_ptr, bandwidth_ptr, flags_ptr, state_ptr, product_ptr, values_ptr,
    cross_ptr, squares_ptr, halves_ptr, singles_ptr, doubles_ptr,
    tiles, n, k, d, parts, rows_per_part, gram_chunks, size,
    tolerance, constant_part, eps, limit, factor,
    UNROLLED: tl.constexpr, K: tl.constexpr, W: tl.constexpr, F: tl.constexpr,
    HEIGHT: tl.constexpr, T: tl.constexpr, D: tl.constexpr, BLOCK_T: tl.constexpr,
    CHUNK: tl.constexpr, BLOCK: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr, FORMS: tl.constexpr,
):  # fmt: skip
    """Grid (batches,). T are the columns of a tile of moments, D those of the values."""
    batch = tl.program_id(0).to(tl.int64)
    padded = tiles * BLOCK
    target_chunks = (d + T - 1) // T
    width = target_chunks * T
    actions_ptr += batch * n * k
    targets_ptr += batch * n * d
    state_ptr += batch * size
    cross_ptr += batch * parts * HEIGHT * width
    squares_ptr += batch * parts * width
    columns_ptr = halves_ptr + batch * padded * (K + W)
    weights_ptr = columns_ptr + padded * K
    planar_ptr = singles_ptr + batch * (padded * (k + 1 + W) + tiles * BLOCK)
    norms_ptr = planar_ptr + padded * k
    partial_ptr = norms_ptr + padded
    largest_ptr = partial_ptr + padded * W
    scales_ptr = largest_ptr + tiles
    gram_ptr = doubles_ptr + batch * parts * HEIGHT * gram_chunks * T
    bandwidth = tl.load(bandwidth_ptr + batch)
    for part in range(parts):
        start = part * rows_per_part
        for chunk in range(gram_chunks + target_chunks):
            moments_part(
                actions_ptr, targets_ptr, actions_ptr, state_ptr, gram_ptr, cross_ptr, squares_ptr,
                part, chunk, gram_chunks, target_chunks, start,
                tl.minimum(start + rows_per_part, n), n, k, d, False, False, HEIGHT, T, BLOCK_T,
            )  # fmt: skip
    tl.debug_barrier()
    factor_problem(
        gram_ptr, state_ptr, actions_ptr, flags_ptr, parts, gram_chunks * T, k, 0.0, tolerance,
        constant_part, eps, False, F, HEIGHT,
    )  # fmt: skip
    tl.debug_barrier()
    mean, scale = mean_exponent(state_ptr, bandwidth)
    slopes, average, squares = chunk_slopes(
        state_ptr, cross_ptr, squares_ptr, parts, 0, width, k, d, False, True, False, F, HEIGHT, D
    )
    scales = weight_scale(squares)
    column = tl.arange(0, D)
    tl.store(scales_ptr + column, scales, mask=column < d)
    for tile in range(tiles):
        prepare_points(
            actions_ptr, state_ptr, columns_ptr, planar_ptr, norms_ptr, largest_ptr, scale, tile,
            tiles, n, k, K, BLOCK,
        )  # fmt: skip
        prepare_values(
            actions_ptr, targets_ptr, state_ptr, weights_ptr, slopes, average, scales, tile,
            n, k, d, 0, d, True, W, F, D, BLOCK, BLOCK_R,
        )  # fmt: skip
    tl.debug_barrier()
    for row in range(0, padded, BLOCK_M):
        pair_tile(
            columns_ptr, planar_ptr, norms_ptr, largest_ptr, weights_ptr, partial_ptr, mean, limit,
            row, 0, padded, tiles, k, FORMS, UNROLLED, K, W, True, CHUNK, BLOCK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    tl.debug_barrier()
    shift, _, gain = tangent(mean, largest_of(largest_ptr, tiles, 4))
    unit = (tl.exp2(-shift) / gain).to(tl.float64)
    for part in range(parts):
        start = part * rows_per_part
        combine_part(
            actions_ptr, state_ptr, weights_ptr, partial_ptr, scales_ptr,
            product_ptr + batch * n * d, values_ptr + batch * parts + part, unit, 0.0, part, start,
            tl.minimum(start + rows_per_part, n), padded * W, 1, n, k, d, 0, d, factor,
            cross_ptr, squares_ptr, width, True, W, HEIGHT, D, BLOCK_T,
        )  # fmt: skip


def small_pass(
    representation: Tensor,
    actions: Tensor,
    bandwidth: Tensor,
    shape: Geometry,
    sizes: tuple[int, int, int, int],
) -> tuple[Tensor, Tensor, Moments, Tensor]:
    """Partial values (B, parts), U (B, n, d), its moments and the state, all in one launch.

    sizes are tiles of BLOCK rows, K, W and D, as in `triton_impl.Layout`.
    """
    batches, n, d = representation.shape
    k = actions.shape[2]
    tiles, augmented, terms, tile = sizes
    rows = tiles * BLOCK
    give_warnings(actions.device)
    state = scratch((batches, state_size(k)), actions, torch.float64)
    product = scratch((batches, n, d), actions)
    values = scratch((batches, shape.parts), actions, torch.float64)
    cross = scratch((batches, shape.parts, shape.height, shape.width), actions, torch.float64)
    squares = scratch((batches, shape.parts, shape.width), actions, torch.float64)
    halves = scratch((batches, rows * (augmented + terms)), actions, torch.float16)
    singles = scratch((batches, rows * (k + 1 + terms) + tiles * BLOCK), actions)
    gram_width = shape.gram_chunks * shape.tile
    doubles = scratch((batches, shape.parts * shape.height * gram_width), actions, torch.float64)
    launch(
        whole_kernel, (batches,),
        actions, representation, bandwidth, flags_for(actions), state, product, values,
        cross, squares, halves, singles, doubles,
        tiles, n, k, d, shape.parts, shape.rows_per_part, shape.gram_chunks, state.shape[1],
        DEPENDENT, CONSTANT_PART, EPS, SPREAD_LIMIT["precise"], 1 / n**2,
        UNROLLED=0, K=augmented, W=terms, F=shape.features,
        HEIGHT=shape.height, T=shape.tile, D=tile, BLOCK_T=max(2, shape.block // 2),
        CHUNK=CHUNK_COLUMNS, BLOCK=BLOCK, BLOCK_R=32, BLOCK_M=SMALL.block_m,
        BLOCK_N=SMALL.block_n, FORMS=EVERY_FORM,
        num_warps=SMALL.num_warps, num_stages=SMALL.num_stages,
    )  # fmt: skip
    if actions.device.type == "cpu":
        give_warnings(actions.device)
    return values, product, Moments(cross, squares, True, shape), state
