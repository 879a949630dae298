"""What the Triton kernels that visit all pairs share: layouts, distances, products, geometry.

Points z are centred and scaled by the bandwidth, so that a kernel value is 2^-m of the squared
distance m. Two forms of m stand side by side in one kernel, and a program picks one of them for its
tile of rows, so that no launch is in vain and no host asks:

* split: one product on the tensor cores. sqrt(2) z is the sum h + l of two half-precision terms (22
  bits), the norm |z|^2 likewise, and with

      row     [h, l, h, (c - |z|^2)_h, (c - |z|^2)_l, 1, 1, 0 ...]
      column  [h, h, l, 1, 1, (-|z|^2)_h, (-|z|^2)_l, 0 ...]

  their product is c - m: 3 k + 4 numbers, 16 for k <= 4. The product of the two low terms is left
  out; the error of m is about 2^-22 of the larger |z|^2.
* direct: sum over features of (z_i - z_j)^2 on the FMA units, exact to float32 rounding at any
  spread. For tiles of rows that lie too far out for the split form.

Padding needs no mask: its points are zero, and so are its weights.
"""

from __future__ import annotations

import functools

import torch
import triton
import triton.language as tl
from torch import Tensor

from rep4ex_kernels._triton_table import BLOCK

# Forms that a compiled kernel holds; all of them but in the cost model, which looks at one.
SPLIT, DIRECT, SERIES = 1, 2, 4
EVERY_FORM = SPLIT | DIRECT | SERIES

# Columns after which a partial sum leaves the tensor core's accumulator. Tensor cores truncate
# instead of rounding, so a long sum drifts; ordinary float32 additions between chunks do not.
CHUNK_COLUMNS = 2048

# Largest |z|^2 of a row that the split form may be used for; its error is about 2^-22 of it.
SPREAD_LIMIT = {"precise": 32.0, "fast": 256.0}

# A column farther out than this has no Gaussian kernel value with any row of the split form. Its
# terms are stored as zero and its norm as NO_NEIGHBOUR, which half precision holds.
FAR = 4096.0
NO_NEIGHBOUR = 60000.0

# Below this max |z|^2 every m is at most four times that, which is where the series holds. There it
# replaces the exponential, whose rounding is one of a number near one: the part of a wide bandwidth
# that is left after projection, centring or a difference of means is far smaller.
SERIES_LIMIT = 0.9

# Up to this many rows fast mode is precise mode: launches bound such problems, not exponentials.
FAST_ROWS = 2048

# Weights are scaled by a power of two so that the length of a column is just below
# 2^WEIGHT_EXPONENT: no entry can overflow half precision, and second terms of typical ones stay far
# from its subnormal range up to many millions of rows.
WEIGHT_EXPONENT = 14

MAX_SPLIT_FEATURES = 64

# Rows of one problem. Offsets inside a problem are 32-bit: a row times the width of the points or
# of the weights, 256 at most. Problems, chunks and splits are told apart in 64 bits.
MAX_ROWS = (2**31 - 1) // 256 // BLOCK * BLOCK

# Programs a multiprocessor that column splits aim at, and the fewest columns a split is worth.
PROGRAMS, LEAST_COLUMNS, MOST_SPLITS = 4, 256, 16


# ------------------------------------------------------------------------------- device functions


@triton.jit
def two_terms(value):
    """The sum of two half-precision numbers that is nearest to a float32 one."""
    high = value.to(tl.float16)
    return high, (value - high.to(tl.float32)).to(tl.float16)


@triton.jit
def store_feature(columns_ptr, planar_ptr, rows, c, z, far, k, n_padded, K: tl.constexpr):
    """Store feature c of points z (rows,) float32; returns its part of the stored norm, float64.

    Norms are those of the stored values, so a point's distance to itself is zero up to the rounding
    of a sum. K is 0 where there is no split form.
    """
    tl.store(planar_ptr + c * n_padded + rows, z)
    part = z.to(tl.float64) * z.to(tl.float64)
    if K > 0:
        high, low = two_terms(tl.where(far, 0.0, z * 1.4142135623730951))
        place = columns_ptr + rows * K + c
        tl.store(place, high)
        tl.store(place + k, high)
        tl.store(place + 2 * k, low)
        stored = high.to(tl.float64) + low.to(tl.float64)
        part = stored * stored * 0.5
    return part


@triton.jit
def store_norms(columns_ptr, norms_ptr, rows, norm, k, K: tl.constexpr):
    """Store what follows the features: ones, the norm (rows,) in two terms, zeros."""
    tl.store(norms_ptr + rows, norm)
    if K > 0:
        high, low = two_terms(-norm)
        slot = tl.arange(0, K)[None, :] - 3 * k
        tail = tl.where(slot == 2, high[:, None], tl.where(slot == 3, low[:, None], 0.0))
        tail = tl.where((slot == 0) | (slot == 1), 1.0, tail).to(tl.float16)
        place = columns_ptr + rows[:, None] * K + tl.arange(0, K)[None, :]
        tl.store(place, tail, mask=(slot >= 0) & (rows >= 0)[:, None])


@triton.jit
def row_operand(columns_ptr, norms_ptr, row, k, shift, K: tl.constexpr, BLOCK_M: tl.constexpr):
    """The row side (BLOCK_M, K) of the augmented product, from the stored column side."""
    rows = row + tl.arange(0, BLOCK_M)
    slot = tl.arange(0, K)
    source = tl.where(slot < k, slot, tl.where(slot < 2 * k, slot + k, slot - 2 * k))
    features = tl.load(
        columns_ptr + rows[:, None] * K + source[None, :],
        mask=(slot < 3 * k)[None, :] & (rows >= 0)[:, None],
        other=0.0,
    )
    high, low = two_terms(shift - tl.load(norms_ptr + rows))
    tail = (slot - 3 * k)[None, :]
    norm = tl.where(tail == 0, high[:, None], tl.where(tail == 1, low[:, None], 0.0))
    operand = tl.where((tail == 2) | (tail == 3), 1.0, norm)
    return tl.where(tail < 0, features, operand.to(tl.float16))


@triton.jit
def split_tile(operand, columns_ptr, col, K: tl.constexpr, BLOCK_N: tl.constexpr):
    """shift - m (BLOCK_M, BLOCK_N) as one product."""
    place = (col + tl.arange(0, BLOCK_N))[:, None] * K + tl.arange(0, K)[None, :]
    return tl.dot(operand, tl.trans(tl.load(columns_ptr + place)))


@triton.jit
def direct_tile(
    planar_ptr, row, col, n_padded, k,
    UNROLLED: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """m (BLOCK_M, BLOCK_N) by differences; UNROLLED is k where that is 1 or 2, else 0."""
    rows = row + tl.arange(0, BLOCK_M)
    cols = col + tl.arange(0, BLOCK_N)
    squares = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    if UNROLLED > 0:
        for c in tl.static_range(UNROLLED):
            plane = planar_ptr + c * n_padded
            difference = tl.load(plane + rows)[:, None] - tl.load(plane + cols)[None, :]
            squares += difference * difference
    else:
        for _ in range(k):
            difference = tl.load(planar_ptr + rows)[:, None] - tl.load(planar_ptr + cols)[None, :]
            squares += difference * difference
            planar_ptr += n_padded
    return squares


@triton.jit
def exponential_remainder(m):
    """2^-m - 1 + m ln 2 for m <= 4 SERIES_LIMIT, to float32 rounding of itself, not of one.

    m^2 times the polynomial of degree 7 that is nearest in relative error there (1.3e-8).
    """
    series = m * -3.846021299352964e-08 + 1.0092314139432956e-06
    series = series * m - 1.4369250764145747e-05
    series = series * m + 0.00015258853273946533
    series = series * m - 0.0013320352025606665
    series = series * m + 0.009617525219983911
    series = series * m - 0.055504001402199826
    series = series * m + 0.2402265037584
    return series * (m * m)


@triton.jit
def weighted_sum(kernel, weights, total, PRECISE: tl.constexpr):
    """total + kernel @ weights, the kernel tile rounded to one half-precision term or two."""
    high = kernel.to(tl.float16)
    if PRECISE:
        low = (kernel - high.to(tl.float32)).to(tl.float16)
        total = tl.dot(low, weights, total)
    return tl.dot(high, weights, total)


@triton.jit
def largest_of(values_ptr, count, WIDTH: tl.constexpr):
    """The largest of float32 numbers that are at least 0; NaN counts as nothing."""
    place = tl.arange(0, WIDTH)
    largest = tl.zeros((WIDTH,), tl.float32)
    for begin in range(0, count, WIDTH):
        inside = begin + place < count
        largest = tl.maximum(largest, tl.load(values_ptr + begin + place, mask=inside, other=0.0))
    return tl.max(largest, 0)


@triton.jit
def power_of_two_below(value):
    """2^floor(log2 value) of a float32 that is normal and above 0."""
    bits = value.to(tl.int32, bitcast=True) & 0x7F800000
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def weight_scale(square):
    """The power of two (float32) that brings a column of length sqrt(square) below 2^14.

    It is held between 2^-100 and 2^100, so that it and its inverse are normal.
    """
    length = tl.sqrt(square.to(tl.float32))
    length = tl.minimum(tl.maximum(length, 2.0**-86), 2.0**113)
    return 2.0**13 / power_of_two_below(length)


# -------------------------------------------------------------------------------- launch geometry


def power_of_two(value: int, least: int) -> int:
    """The smallest power of two that is at least ``value`` and ``least``."""
    return max(least, 1 << max(0, value - 1).bit_length())


def split_width(features: int) -> int:
    """Width K of the augmented product, 0 where there are too many features for the split form."""
    return power_of_two(3 * features + 4, 16) if features <= MAX_SPLIT_FEATURES else 0


def padded(rows: int) -> int:
    """Rows with padding: a multiple of BLOCK.

    Raises:
        ValueError: more than 32-bit offsets reach.
    """
    if rows > MAX_ROWS:
        raise ValueError(
            f"rows: the Triton kernels take at most {MAX_ROWS} in one problem, received {rows}; "
            "split the problem, or use backend='torch'"
        )
    return -(-rows // BLOCK) * BLOCK


def column_splits(programs: int, columns: int, block: int, device: torch.device) -> tuple[int, int]:
    """(splits, columns a split) so that few rows still fill the device.

    A multiprocessor hides latency with several programs; splitting costs a partial buffer of the
    output's size each.
    """
    wanted = -(-PROGRAMS * multiprocessors(device) // max(1, programs))
    splits = max(1, min(wanted, columns // LEAST_COLUMNS, MOST_SPLITS))
    per_split = -(-columns // (splits * block)) * block
    return -(-columns // max(per_split, 1)), per_split


@functools.lru_cache
def multiprocessors(device: torch.device) -> int:
    """Multiprocessors of a GPU."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).multi_processor_count)
    return 4  # interpreted: small, so that tests see more than one split


def check_float32(**tensors: Tensor | None) -> None:
    """Raise TypeError for an operand that is not float32; float64 belongs to the torch backend."""
    for name, tensor in tensors.items():
        if tensor is not None and tensor.dtype != torch.float32:
            raise TypeError(
                f"{name}: the Triton kernels take float32, received {tensor.dtype}; "
                "convert it, or use backend='torch'"
            )


def check_precision(precision: str, rows: int) -> bool:
    """True for "precise" or few rows, False for "fast"; ValueError otherwise."""
    if precision not in SPREAD_LIMIT:
        raise ValueError(
            f"precision: expected one of {sorted(SPREAD_LIMIT)}, received {precision!r}"
        )
    return precision == "precise" or rows <= FAST_ROWS
