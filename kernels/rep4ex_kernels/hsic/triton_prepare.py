"""Before the pairs: moments of both samples, the state of each, scaled and rounded points.

A sample is shifted by its first row and summed in float64, so that an offset costs nothing. Its
mean is subtracted and the result scaled to z, of which a kernel value is 2^-|z_i - z_j|^2. The
state of a sample is

    [SCALE, MEAN, TYPICAL, UNSCALED, centre (d), inverse scale of the weights (d)]      float64

Its weights are [z, 1], in chunks of W / 2 columns that are stored in two half-precision terms.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_pairs import FAR as FAR_NORM
from rep4ex_kernels._triton_pairs import NO_NEIGHBOUR as NO_NEIGHBOUR_NORM
from rep4ex_kernels._triton_pairs import store_feature, store_norms, two_terms, weight_scale

# Places in the state.
SCALE = tl.constexpr(0)  # z = scale (raw - centre)
MEAN = tl.constexpr(1)  # of |z_i - z_j|^2 over all pairs
TYPICAL = tl.constexpr(2)  # 2^-MEAN, rounded to float32
UNSCALED = tl.constexpr(3)  # 1 / (sqrt(2) SCALE): points are stored as sqrt(2) z
COLUMNS = tl.constexpr(4)  # where numbers of columns begin

PARTS = tl.constexpr(16)  # summed at a time
FAR, NO_NEIGHBOUR = tl.constexpr(FAR_NORM), tl.constexpr(NO_NEIGHBOUR_NORM)

USER_TENSORS = ["x_ptr", "y_ptr", "x_bandwidth_ptr", "y_bandwidth_ptr"]


def state_size(features: int) -> int:
    """Numbers of one sample's state."""
    return int(COLUMNS.value) + 2 * features


@triton.jit
def store_moments(points_ptr, out_ptr, start, stop, d, D: tl.constexpr, ROWS: tl.constexpr):
    """Sums of points less the first row, and of their squares, over some rows: (2, d)."""
    for column in range(0, d, D):
        columns = column + tl.arange(0, D)
        real = columns < d
        shift = tl.load(points_ptr + columns, mask=real, other=0.0).to(tl.float64)
        sums = tl.zeros((D,), tl.float64)
        squares = tl.zeros((D,), tl.float64)
        for begin in range(start, stop, ROWS):
            rows = begin + tl.arange(0, ROWS)
            mask = (rows < stop)[:, None] & real[None, :]
            place = points_ptr + rows.to(tl.int64)[:, None] * d + columns[None, :]
            value = tl.load(place, mask=mask, other=0.0).to(tl.float64)
            value = tl.where(mask, value - shift[None, :], 0.0)
            sums += tl.sum(value, 0)
            squares += tl.sum(value * value, 0)
        tl.store(out_ptr + columns, sums, mask=real)
        tl.store(out_ptr + d + columns, squares, mask=real)


@triton.jit(
    do_not_specialize=["rows_per_part", "n", "p", "q"],
    do_not_specialize_on_alignment=USER_TENSORS,
)
def moments_kernel(
    x_ptr, y_ptr, x_moments_ptr, y_moments_ptr, rows_per_part, n, p, q,
    DX: tl.constexpr, DY: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """Grid (batches, parts, samples)."""
    batch = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    slot = batch * tl.num_programs(1) + part
    start = part * rows_per_part
    stop = tl.minimum(start + rows_per_part, n)
    if tl.program_id(2) == 0:
        store_moments(x_ptr + batch * n * p, x_moments_ptr + slot * 2 * p, start, stop, p, DX, ROWS)
    else:
        store_moments(y_ptr + batch * n * q, y_moments_ptr + slot * 2 * q, start, stop, q, DY, ROWS)


@triton.jit
def chunk_moments(points_ptr, moments_ptr, parts, n, column, d, D: tl.constexpr):
    """Of D columns: the mean, and the sum of squares about it."""
    columns = column + tl.arange(0, D)
    real = columns < d
    sums = tl.zeros((D,), tl.float64)
    squares = tl.zeros((D,), tl.float64)
    for begin in range(0, parts, PARTS):
        part = (begin + tl.arange(0, PARTS))[:, None]
        mask = (part < parts) & real[None, :]
        place = moments_ptr + part * 2 * d + columns[None, :]
        sums += tl.sum(tl.load(place, mask=mask, other=0.0), 0)
        squares += tl.sum(tl.load(place + d, mask=mask, other=0.0), 0)
    first = tl.load(points_ptr + columns, mask=real, other=0.0).to(tl.float64)
    shift = sums / n.to(tl.float64)
    return first + shift, tl.maximum(squares - sums * shift, 0.0)


@triton.jit
def store_state(points_ptr, moments_ptr, state_ptr, bandwidth, parts, n, d, D: tl.constexpr):
    """The state of a sample. Every program that needs it stores the same numbers."""
    scale = 0.8493218002880191 / bandwidth  # sqrt(log2(e) / 2)
    spread = tl.zeros((), tl.float64)
    for column in range(0, d, D):
        columns = column + tl.arange(0, D)
        real = columns < d
        centre, squares = chunk_moments(points_ptr, moments_ptr, parts, n, column, d, D)
        spread += tl.sum(squares, 0)
        inverse = 1.0 / weight_scale(squares * scale * scale)
        tl.store(state_ptr + COLUMNS + columns, centre, mask=real)
        tl.store(state_ptr + COLUMNS + d + columns, inverse.to(tl.float64), mask=real)
    mean = 2.0 * spread / n.to(tl.float64) * scale * scale
    tl.store(state_ptr + SCALE, scale)
    tl.store(state_ptr + MEAN, mean)
    tl.store(state_ptr + UNSCALED, 0.7071067811865476 / scale)
    tl.store(state_ptr + TYPICAL, tl.exp2(-mean.to(tl.float32)).to(tl.float64))


@triton.jit
def scaled_feature(points_ptr, state_ptr, scale, rows, inside, c, d):
    """Feature c of z (rows,) float32, zero for padding."""
    place = points_ptr + rows.to(tl.int64) * d + c
    raw = tl.load(place, mask=inside, other=0.0).to(tl.float64)
    z = ((raw - tl.load(state_ptr + COLUMNS + c)) * scale).to(tl.float32)
    return tl.where(inside, z, 0.0)


@triton.jit
def store_points(
    points_ptr, state_ptr, columns_ptr, planar_ptr, norms_ptr, largest_ptr, tile, tiles, n, d,
    K: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Lay out one tile of points."""
    rows = tile * BLOCK + tl.arange(0, BLOCK)
    inside = rows < n
    scale = tl.load(state_ptr + SCALE)
    norm = tl.zeros((BLOCK,), tl.float32)
    for c in range(d):
        z = scaled_feature(points_ptr, state_ptr, scale, rows, inside, c, d)
        norm += z * z
    far = norm > FAR
    stored = tl.zeros((BLOCK,), tl.float64)
    for c in range(d):
        z = scaled_feature(points_ptr, state_ptr, scale, rows, inside, c, d)
        stored += store_feature(columns_ptr, planar_ptr, rows, c, z, far, d, tiles * BLOCK, K)
    norms = tl.where(far | (rows >= n), NO_NEIGHBOUR, stored.to(tl.float32))
    store_norms(columns_ptr, norms_ptr, rows, norms, d, K)
    tl.store(largest_ptr + tile, tl.max(norm, 0))


@triton.jit
def store_weights(
    points_ptr, state_ptr, weights_ptr, tile, column, n, d, W: tl.constexpr, BLOCK: tl.constexpr
):
    """Lay out the W / 2 columns of one tile of [z, 1] from ``column`` on."""
    rows = tile * BLOCK + tl.arange(0, BLOCK)
    within = tl.arange(0, W // 2)
    columns = column + within
    real = columns < d
    inside = (rows < n)[:, None]
    mask = inside & real[None, :]
    place = points_ptr + rows.to(tl.int64)[:, None] * d + columns[None, :]
    raw = tl.load(place, mask=mask, other=0.0).to(tl.float64)
    centre = tl.load(state_ptr + COLUMNS + columns, mask=real, other=0.0)
    inverse = tl.load(state_ptr + COLUMNS + d + columns, mask=real, other=1.0)
    factor = tl.load(state_ptr + SCALE) / inverse
    z = tl.where(mask, (raw - centre[None, :]) * factor[None, :], 0.0)
    one = inside & (columns == d)[None, :]
    high, low = two_terms(tl.where(one, 1.0, z.to(tl.float32)))
    out = weights_ptr + rows[:, None] * W + within[None, :]
    tl.store(out, high)
    tl.store(out + W // 2, low)


@triton.jit
def prepare_sample(
    points_ptr, bandwidth, moments_ptr, state_ptr, columns_ptr, planar_ptr, norms_ptr, largest_ptr,
    weights_ptr, first, last, tiles, chunks, parts, n, d,
    K: tl.constexpr, W: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The state of a sample, and the layouts of its tiles from first to last."""
    store_state(points_ptr, moments_ptr, state_ptr, bandwidth, parts, n, d, D)
    tl.debug_barrier()
    wide = tiles.to(tl.int64) * BLOCK * W
    for tile in range(first, last):
        store_points(
            points_ptr, state_ptr, columns_ptr, planar_ptr, norms_ptr, largest_ptr, tile, tiles,
            n, d, K, BLOCK,
        )  # fmt: skip
        for chunk in range(chunks):
            store_weights(
                points_ptr, state_ptr, weights_ptr + wide * chunk, tile, chunk * (W // 2), n, d,
                W, BLOCK,
            )  # fmt: skip


@triton.jit(
    do_not_specialize=[
        "tiles", "tiles_per_program", "chunks", "parts", "n", "p", "q",
    ],
    do_not_specialize_on_alignment=USER_TENSORS,
)  # fmt: skip
def prepare_kernel(
    x_ptr, x_bandwidth_ptr, x_moments_ptr, x_state_ptr,
    x_columns_ptr, x_planar_ptr, x_norms_ptr, x_largest_ptr, x_weights_ptr,
    y_ptr, y_bandwidth_ptr, y_moments_ptr, y_state_ptr,
    y_columns_ptr, y_planar_ptr, y_norms_ptr, y_largest_ptr, y_weights_ptr,
    tiles, tiles_per_program, chunks, parts, n, p, q,
    KX: tl.constexpr, KY: tl.constexpr, WX: tl.constexpr, WY: tl.constexpr,
    DX: tl.constexpr, DY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Grid (batches, programs, samples)."""
    batch = tl.program_id(0).to(tl.int64)
    padded = tiles * BLOCK
    first = tl.program_id(1) * tiles_per_program
    last = tl.minimum(first + tiles_per_program, tiles)
    if tl.program_id(2) == 0:
        prepare_sample(
            x_ptr + batch * n * p, tl.load(x_bandwidth_ptr + batch),
            x_moments_ptr + batch * parts * 2 * p, x_state_ptr + batch * (COLUMNS + 2 * p),
            x_columns_ptr + batch * padded * KX, x_planar_ptr + batch * padded * p,
            x_norms_ptr + batch * padded, x_largest_ptr + batch * tiles,
            x_weights_ptr + batch * chunks * padded * WX,
            first, last, tiles, chunks, parts, n, p, KX, WX, DX, BLOCK,
        )  # fmt: skip
    else:
        prepare_sample(
            y_ptr + batch * n * q, tl.load(y_bandwidth_ptr + batch),
            y_moments_ptr + batch * parts * 2 * q, y_state_ptr + batch * (COLUMNS + 2 * q),
            y_columns_ptr + batch * padded * KY, y_planar_ptr + batch * padded * q,
            y_norms_ptr + batch * padded, y_largest_ptr + batch * tiles,
            y_weights_ptr + batch * chunks * padded * WY,
            first, last, tiles, chunks, parts, n, q, KY, WY, DY, BLOCK,
        )  # fmt: skip
