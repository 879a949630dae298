"""The kernels of the MMR penalty: prepare, pair, combine, and all of it in one program.

    U_i = sum_j K_ij r_j,   K_ij = 2^-m_ij,   r = P phi       value = <r, U> / n^2

The pair kernel sums K less its tangent at the mean of m,

    K - 2^-c e ln(2) (c - m) = 2^-c (2^q - e ln(2) q),    q = c - m,  c = 1 / ln(2) + mean of m.

The tangent is a constant plus a function of i plus one of j plus a product of points, all of which
P removes on both sides, so it need not be added again. Without it the rounding of K to half
precision, and for wide bandwidths to single precision, would exceed what the projection leaves.
Where all m are small the difference K - 1 + m ln 2 is summed as a series, and no exponential is
formed at all.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_least_squares import (
    back_substitution,
    fitted_rows,
    forward_substitution,
    shifted_rows,
    summed_moments,
)
from rep4ex_kernels._triton_pairs import (
    direct_tile,
    exponential_remainder,
    largest_of,
    power_of_two_below,
    row_operand,
    split_tile,
    store_feature,
    store_norms,
    two_terms,
    weight_scale,
    weighted_sum,
)

USER_TENSORS = ["actions_ptr", "targets_ptr"]
SIZES = ["tiles", "n", "k", "d", "columns", "per_chunk", "parts", "width", "size"]


@triton.jit
def mean_exponent(state_ptr, bandwidth):
    """Mean over pairs of m, and what points are multiplied by; both float64."""
    scale = 0.8493218002880191 / bandwidth  # sqrt(log2(e) / 2)
    return 2.0 * scale * scale * tl.load(state_ptr + 1) / tl.load(state_ptr), scale


@triton.jit
def tangent(mean, spread):
    """Shift c, slope e ln 2 and gain of a problem with this mean of m and max |z|^2.

    No tangent is removed where the mean is above 3 or a point is far out: most kernel values are
    near zero there, and it would make them large. Narrow kernels are shifted too, so that the
    values between distant points stay above the least that half precision holds. The gain brings
    the largest remainder of a series to about 2^15; those of a wide bandwidth are subnormal.
    """
    mean = mean.to(tl.float32)
    # A multiple of 2^-12, which two half-precision terms hold.
    shift = tl.floor((1.4426950408889634 + mean) * 4096.0 + 0.5) * (1.0 / 4096.0)
    plain = tl.where(mean > 8.0, 14.0, 0.0)
    removed = tl.where(mean <= 3.0, spread, 1e30) <= 1000.0
    series = spread < 0.9
    shift = tl.where(series, 0.0, tl.where(removed, shift, plain))
    slope = tl.where(series, 0.0, tl.where(removed, 1.8841693853637206, 0.0))
    largest = 3.8436242 * spread * spread  # (4 ln(2) spread)^2 / 2
    gain = 16384.0 / power_of_two_below(tl.maximum(largest, 2.0**-80))
    return shift, slope, tl.where(series, gain, 1.0)


@triton.jit
def chunk_slopes(
    state_ptr, cross_ptr, squares_ptr, parts, column, width, k, d,
    CENTRED: tl.constexpr, RESIDUAL: tl.constexpr, BASIS: tl.constexpr,
    F: tl.constexpr, HEIGHT: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    """Of D columns of values: their fit's slopes (F, D) and mean (D,), and squared lengths (D,).

    With BASIS the columns from d on are those of an orthonormal basis of [1, A], as what is left of
    nothing: 1 / sqrt(n), then rows of L^-1 (a - mean).
    """
    columns = column + tl.arange(0, D)
    if not RESIDUAL:
        squares = tl.load(squares_ptr + columns, mask=columns < d, other=0.0)
        return tl.zeros((F, D), tl.float64), tl.zeros((D,), tl.float64), squares
    right, sums, squares = summed_moments(
        cross_ptr, squares_ptr, state_ptr, parts, column, width, k, CENTRED, F, HEIGHT, D
    )
    mass = tl.load(state_ptr)
    factor_ptr = state_ptr + 2 + 2 * k
    mean = sums / mass
    right = forward_substitution(factor_ptr, right, k, F)
    left = squares - mean * sums - tl.sum(right * right, 0)
    squares = tl.maximum(left, 1e-13 * squares)  # below is what float64 leaves of cancelling
    if BASIS:
        own = tl.where(tl.arange(0, F)[:, None] == (columns - d - 1)[None, :], -1.0, 0.0)
        right = tl.where((columns >= d)[None, :], own, right)
        mean = tl.where(columns == d, -1.0 / tl.sqrt(mass), tl.where(columns > d, 0.0, mean))
        squares = tl.where(columns >= d, 1.0, squares)
    return back_substitution(factor_ptr, right, k, F), mean, squares


@triton.jit
def prepare_points(
    actions_ptr, state_ptr, columns_ptr, planar_ptr, norms_ptr, largest_ptr, scale, tile,
    tiles, n, k, K: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Lay out one tile of points."""
    rows = tile * BLOCK + tl.arange(0, BLOCK)
    inside = rows < n
    norm = tl.zeros((BLOCK,), tl.float32)
    for c in range(k):
        a = tl.load(actions_ptr + rows * k + c, mask=inside, other=0.0).to(tl.float64)
        z = ((a - tl.load(state_ptr + 2 + k + c)) * scale).to(tl.float32)
        norm += z * z
    norm = tl.where(inside, norm, 0.0)
    far = norm > 4096.0
    stored = tl.zeros((BLOCK,), tl.float64)
    for c in range(k):
        a = tl.load(actions_ptr + rows * k + c, mask=inside, other=0.0).to(tl.float64)
        z = ((a - tl.load(state_ptr + 2 + k + c)) * scale).to(tl.float32)
        z = tl.where(inside, z, 0.0)
        stored += store_feature(columns_ptr, planar_ptr, rows, c, z, far, k, tiles * BLOCK, K)
    stored = tl.where(far, 60000.0, stored.to(tl.float32))
    store_norms(columns_ptr, norms_ptr, rows, stored, k, K)
    tl.store(largest_ptr + tile, tl.max(norm, 0))


@triton.jit
def prepare_values(
    actions_ptr, targets_ptr, state_ptr, weights_ptr, slopes, mean, scales, tile, n, k, d,
    column, per_chunk, RESIDUAL: tl.constexpr, W: tl.constexpr, F: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr, BLOCK_R: tl.constexpr,
):  # fmt: skip
    """Lay out one tile of a chunk of values, what is left of targets, in two terms."""
    within = tl.arange(0, D)
    columns = column + within
    slot = tl.arange(0, W)[None, :]
    for begin in range(tile * BLOCK, tile * BLOCK + BLOCK, BLOCK_R):
        rows = begin + tl.arange(0, BLOCK_R)
        inside = rows < n
        value = tl.load(
            targets_ptr + rows[:, None] * d + columns[None, :],
            mask=inside[:, None] & (columns < d)[None, :] & (within < per_chunk)[None, :],
            other=0.0,
        ).to(tl.float64)
        if RESIDUAL:
            value -= mean[None, :] + fitted_rows(
                actions_ptr, state_ptr, slopes, rows, inside, k, F, D, BLOCK_R
            )
        value = tl.where(inside[:, None], value.to(tl.float32) * scales[None, :], 0.0)
        high, low = two_terms(value)
        place = weights_ptr + rows[:, None] * W
        present = (within < per_chunk)[None, :] & (rows >= 0)[:, None]
        tl.store(place + within[None, :], high, mask=present)
        tl.store(place + per_chunk + within[None, :], low, mask=present)
        rest = (slot >= 2 * per_chunk) & (rows >= 0)[:, None]
        tl.store(place + slot, tl.zeros((BLOCK_R, W), tl.float16), mask=rest)


@triton.jit(
    do_not_specialize=[*SIZES, "tiles_per_program"], do_not_specialize_on_alignment=USER_TENSORS
)
def prepare_kernel(
    actions_ptr, targets_ptr, state_ptr, cross_ptr, squares_ptr, bandwidth_ptr,
    columns_ptr, planar_ptr, norms_ptr, largest_ptr, weights_ptr, scales_ptr,
    tiles, tiles_per_program, n, k, d, columns, per_chunk, parts, width, size,
    CENTRED: tl.constexpr, RESIDUAL: tl.constexpr, BASIS: tl.constexpr,
    K: tl.constexpr, W: tl.constexpr, F: tl.constexpr, HEIGHT: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr, BLOCK_R: tl.constexpr,
):  # fmt: skip
    """Grid (batches, programs, chunks of values)."""
    batch = tl.program_id(0).to(tl.int64)
    chunk = tl.program_id(2)
    padded = tiles * BLOCK
    state_ptr += batch * size
    actions_ptr += batch * n * k
    _, scale = mean_exponent(state_ptr, tl.load(bandwidth_ptr + batch))
    column = chunk * per_chunk
    slopes, mean, squares = chunk_slopes(
        state_ptr, cross_ptr + batch * parts * HEIGHT * width, squares_ptr + batch * parts * width,
        parts, column, width, k, d, CENTRED, RESIDUAL, BASIS, F, HEIGHT, D,
    )  # fmt: skip
    scales = weight_scale(squares)
    within = tl.arange(0, D)
    if tl.program_id(1) == 0:
        place = scales_ptr + batch * columns + column + within
        tl.store(place, scales, mask=(within < per_chunk) & (column + within < columns))
    start = tl.program_id(1) * tiles_per_program
    for tile in range(start, tl.minimum(start + tiles_per_program, tiles)):
        if chunk == 0:
            prepare_points(
                actions_ptr, state_ptr, columns_ptr + batch * padded * K,
                planar_ptr + batch * padded * k, norms_ptr + batch * padded,
                largest_ptr + batch * tiles, scale, tile, tiles, n, k, K, BLOCK,
            )  # fmt: skip
        prepare_values(
            actions_ptr, targets_ptr + batch * n * d, state_ptr,
            weights_ptr + (batch * tl.num_programs(2) + chunk) * padded * W,
            slopes, mean, scales, tile, n, k, d, column, per_chunk,
            RESIDUAL, W, F, D, BLOCK, BLOCK_R,
        )  # fmt: skip


@triton.jit
def product_loop(
    operand, columns_ptr, planar_ptr, weights_ptr, shift, slope, gain, row, start, stop,
    padded, k, FORM: tl.constexpr, UNROLLED: tl.constexpr, K: tl.constexpr, W: tl.constexpr,
    PRECISE: tl.constexpr, CHUNK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Sum over columns of (K - tangent) weights (BLOCK_M, W), in units of 2^-shift / gain."""
    total = tl.zeros((BLOCK_M, W), tl.float32)
    wide = tl.arange(0, W)
    for begin in range(start, stop, CHUNK):
        part = tl.zeros((BLOCK_M, W), tl.float32)
        for col in range(begin, tl.minimum(begin + CHUNK, stop), BLOCK_N):
            if FORM == 2 or K == 0:
                m = direct_tile(planar_ptr, row, col, padded, k, UNROLLED, BLOCK_M, BLOCK_N)
                q = shift - m
            else:
                q = split_tile(operand, columns_ptr, col, K, BLOCK_N)
            if FORM == 4:  # noqa: SIM108 - Triton compiles one of them
                kernel = exponential_remainder(q * -1.0) * gain
            else:
                kernel = tl.exp2(q) - q * slope
            place = (col + tl.arange(0, BLOCK_N))[:, None] * W + wide[None, :]
            # The series is the path of small remainders, which one term would round.
            part = weighted_sum(kernel, tl.load(weights_ptr + place), part, PRECISE or FORM == 4)
        total += part
    return total


@triton.jit
def pair_tile(
    columns_ptr, planar_ptr, norms_ptr, largest_ptr, weights_ptr, partial_ptr, mean, limit,
    row, start, stop, tiles, k, FORMS: tl.constexpr, UNROLLED: tl.constexpr, K: tl.constexpr,
    W: tl.constexpr, PRECISE: tl.constexpr, CHUNK: tl.constexpr, BLOCK: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """One tile of rows against some columns, in the form that its points allow."""
    padded = tiles * BLOCK
    spread = largest_of(largest_ptr, tiles, 256)
    own = tl.load(largest_ptr + row // BLOCK)
    shift, slope, gain = tangent(mean, spread)
    form = tl.where(spread < 0.9, 4, tl.where(own <= limit, 1, 2))
    # Chosen when compiled where there is one form only.
    operand = 0
    if K > 0:
        operand = row_operand(columns_ptr, norms_ptr, row, k, shift, K, BLOCK_M)
    total = tl.zeros((BLOCK_M, W), tl.float32)
    if FORMS == 1 or FORMS == 2 or FORMS == 4:  # noqa: PLR1714 - Triton has no `in`
        total = product_loop(
            operand, columns_ptr, planar_ptr, weights_ptr, shift, slope, gain, row, start, stop,
            padded, k, FORMS, UNROLLED, K, W, PRECISE, CHUNK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    elif form == 4:
        total = product_loop(
            operand, columns_ptr, planar_ptr, weights_ptr, shift, slope, gain, row, start, stop,
            padded, k, 4, UNROLLED, K, W, PRECISE, CHUNK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    elif form == 2 or K == 0:
        total = product_loop(
            operand, columns_ptr, planar_ptr, weights_ptr, shift, slope, gain, row, start, stop,
            padded, k, 2, UNROLLED, K, W, PRECISE, CHUNK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    else:
        total = product_loop(
            operand, columns_ptr, planar_ptr, weights_ptr, shift, slope, gain, row, start, stop,
            padded, k, 1, UNROLLED, K, W, PRECISE, CHUNK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    rows = row + tl.arange(0, BLOCK_M)
    tl.store(partial_ptr + rows[:, None] * W + tl.arange(0, W)[None, :], total)


@triton.jit(do_not_specialize=["tiles", "k", "batches", "columns_per_split", "size"])
def pair_kernel(
    columns_ptr, planar_ptr, norms_ptr, largest_ptr, weights_ptr, state_ptr, bandwidth_ptr,
    partial_ptr, tiles, k, batches, columns_per_split, size, limit,
    FORMS: tl.constexpr, UNROLLED: tl.constexpr, K: tl.constexpr, W: tl.constexpr,
    PRECISE: tl.constexpr, CHUNK: tl.constexpr, BLOCK: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Grid (batches * rows / BLOCK_M, splits, chunks): sums over each split of the columns."""
    padded = tiles * BLOCK
    row_tiles = tiles * (BLOCK // BLOCK_M)
    batch = (tl.program_id(0) // row_tiles).to(tl.int64)
    row = (tl.program_id(0) % row_tiles) * BLOCK_M
    split = tl.program_id(1)
    chunk = batch * tl.num_programs(2) + tl.program_id(2)
    mean, _ = mean_exponent(state_ptr + batch * size, tl.load(bandwidth_ptr + batch))
    # Sizes in units of a tile, so that the compiler knows what they are multiples of.
    start = split * columns_per_split * BLOCK_N
    stop = tl.minimum(start + columns_per_split * BLOCK_N, padded)
    slot = split.to(tl.int64) * batches * tl.num_programs(2) + chunk
    pair_tile(
        columns_ptr + batch * padded * K, planar_ptr + batch * padded * k,
        norms_ptr + batch * padded, largest_ptr + batch * tiles,
        weights_ptr + chunk * padded * W, partial_ptr + slot * padded * W,
        mean, limit, row, start, stop, tiles, k,
        FORMS, UNROLLED, K, W, PRECISE, CHUNK, BLOCK, BLOCK_M, BLOCK_N,
    )  # fmt: skip


@triton.jit
def combine_part(
    actions_ptr, state_ptr, weights_ptr, partial_ptr, scales_ptr, product_ptr, values_ptr,
    unit, rest, part, start, stop, stride, splits, n, k, columns, column, per_chunk, factor,
    cross_ptr, squares_ptr, width, MOMENTS: tl.constexpr, W: tl.constexpr, HEIGHT: tl.constexpr,
    D: tl.constexpr, BLOCK_R: tl.constexpr,
):  # fmt: skip
    """Rows of U from the partial sums; their moments with [1, A], and <r, U>.

    ``rest`` is what the diagonal of the kernel lost when it was rounded.
    """
    within = tl.arange(0, D)
    present = (within < per_chunk) & (column + within < columns)
    feature = tl.arange(0, HEIGHT)
    real = (feature >= 1) & (feature <= k)
    centre = tl.load(state_ptr + 1 + k + feature, mask=real, other=0.0)
    scales = tl.load(scales_ptr + column + within, mask=present, other=1.0).to(tl.float64)
    total = tl.zeros((HEIGHT, D), tl.float64)
    squares = tl.zeros((D,), tl.float64)
    value = tl.zeros((D,), tl.float64)
    for begin in range(start, stop, BLOCK_R):
        rows = begin + tl.arange(0, BLOCK_R)
        inside = rows < stop
        mask = inside[:, None] & present[None, :]
        place = rows[:, None] * W + within[None, :]
        sums = tl.zeros((BLOCK_R, D), tl.float64)
        for split in range(splits):
            at = partial_ptr + split * stride + place
            sums += tl.load(at, mask=mask, other=0.0).to(tl.float64)
            sums += tl.load(at + per_chunk, mask=mask, other=0.0).to(tl.float64)
        own = tl.load(weights_ptr + place, mask=mask, other=0.0).to(tl.float64)
        own += tl.load(weights_ptr + place + per_chunk, mask=mask, other=0.0).to(tl.float64)
        product = ((sums + rest * own) * unit / scales[None, :]).to(tl.float32)
        out = product_ptr + rows[:, None] * columns + (column + within)[None, :]
        tl.store(out, product, mask=mask)
        product = product.to(tl.float64)
        value += tl.sum(own / scales[None, :] * product, 0)
        if MOMENTS:
            a = shifted_rows(actions_ptr, centre, rows, inside, k, HEIGHT)
            total += tl.sum(a[:, :, None] * product[None, :, :], axis=1)
            squares += tl.sum(product * product, 0)
    if MOMENTS:
        tl.store(values_ptr, tl.sum(value, 0) * factor)
        places = (part * HEIGHT + feature)[:, None] * width + (column + within)[None, :]
        wanted = (within < per_chunk) & (column + within < width)
        tl.store(cross_ptr + places, total, mask=wanted[None, :] & (feature >= 0)[:, None])
        tl.store(squares_ptr + part * width + column + within, squares, mask=wanted)


@triton.jit(
    do_not_specialize=[*SIZES, "batches", "splits", "rows_per_part"],
    do_not_specialize_on_alignment=USER_TENSORS,
)
def combine_kernel(
    actions_ptr, state_ptr, bandwidth_ptr, largest_ptr, weights_ptr, partial_ptr, scales_ptr,
    product_ptr, values_ptr, cross_ptr, squares_ptr,
    tiles, batches, splits, rows_per_part, n, k, columns, per_chunk, width, size, factor,
    MOMENTS: tl.constexpr, PRECISE: tl.constexpr, W: tl.constexpr, HEIGHT: tl.constexpr,
    D: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Grid (batches, parts, chunks)."""
    batch = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    parts = tl.num_programs(1)
    chunks = tl.num_programs(2)
    chunk = batch * chunks + tl.program_id(2)
    padded = tiles * BLOCK
    state_ptr += batch * size
    mean, _ = mean_exponent(state_ptr, tl.load(bandwidth_ptr + batch))
    shift, slope, gain = tangent(mean, largest_of(largest_ptr + batch * tiles, tiles, 256))
    rest = 0.0
    if not PRECISE:
        # One number for the whole diagonal, so its rounding does not average out as the others'
        # does. That of a series is zero.
        own = tl.exp2(shift) - slope * shift
        rest = tl.where(gain == 1.0, own - own.to(tl.float16).to(tl.float32), 0.0)
    start = part * rows_per_part
    combine_part(
        actions_ptr + batch * n * k, state_ptr, weights_ptr + chunk * padded * W,
        partial_ptr + chunk * padded * W, scales_ptr + batch * columns,
        product_ptr + batch * n * columns, values_ptr + chunk * parts + part,
        (tl.exp2(-shift) / gain).to(tl.float64), rest, part, start,
        tl.minimum(start + rows_per_part, n), batches.to(tl.int64) * chunks * padded * W, splits,
        n, k, columns, tl.program_id(2) * per_chunk, per_chunk, factor,
        cross_ptr + batch * parts * HEIGHT * width, squares_ptr + batch * parts * width, width,
        MOMENTS, W, HEIGHT, D, BLOCK_R,
    )  # fmt: skip
