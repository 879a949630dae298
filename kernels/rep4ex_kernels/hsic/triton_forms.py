"""Kernel values of a tile, in the form that its points allow, and the sums of their rows.

* split: both distances as products on the tensor cores, see ``_triton_pairs``. Masks would cost a
  fifth more there: the loop counts the diagonal and the padding, whose points have no neighbours,
  and takes them back afterwards.
* series: the same where a bandwidth is wide. All values of that sample are near one, and HSIC is
  made of how they depart from one: the sample works with K - 1, summed as a series. Centring does
  not see the difference. Which of the samples is wide is asked in the loop.
* direct: both distances by differences, for rows that lie far out, for narrow bandwidths and for
  more features than the split form takes.

A point has no part in its own gradient, but for narrow bandwidths its kernel value outweighs all
others: the diagonal is left out of every sum, and its part is added in float64.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_pairs import DIRECT as DIRECT_FORM
from rep4ex_kernels._triton_pairs import (
    MAX_SPLIT_FEATURES,
    SPREAD_LIMIT,
    direct_tile,
    exponential_remainder,
    largest_of,
    row_operand,
    split_tile,
)
from rep4ex_kernels._triton_pairs import SERIES as SERIES_FORM
from rep4ex_kernels._triton_pairs import SERIES_LIMIT as WIDE_SPREAD
from rep4ex_kernels._triton_pairs import SPLIT as SPLIT_FORM
from rep4ex_kernels.hsic.triton_prepare import COLUMNS, MEAN, TYPICAL

SPLIT, DIRECT, SERIES = (tl.constexpr(form) for form in (SPLIT_FORM, DIRECT_FORM, SERIES_FORM))
# Two loops are enough for few rows, where compiling costs more than what the third one saves.
FEW_ROWS = tl.constexpr(DIRECT_FORM | SERIES_FORM)
SERIES_LIMIT = tl.constexpr(WIDE_SPREAD)
PRECISE_LIMIT = tl.constexpr(SPREAD_LIMIT["precise"])
FAST_LIMIT = tl.constexpr(SPREAD_LIMIT["fast"])
# The same for one or two features, where the direct form costs no more and is more accurate.
FEW_FEATURES_LIMIT = tl.constexpr(16.0)

# Where the mean of m is above this most kernel values are near nothing, and a gradient is made of
# the few near pairs: there every row has a scale of its own.
NARROW_MEAN = tl.constexpr(8.0)

# A typical value is taken from all of them before they are summed, where they are of its size.
LEVEL_MEAN = tl.constexpr(4.0)

WIDEST_SPLIT = MAX_SPLIT_FEATURES


@triton.jit
def sample_form(state_ptr, largest_ptr, row, tiles, k, PRECISE: tl.constexpr, BLOCK: tl.constexpr):
    """Of one sample: is its bandwidth wide, may this row's tile take the split form, max |z|^2."""
    spread = largest_of(largest_ptr, tiles, 256)
    own = tl.load(largest_ptr + row // BLOCK)
    limit = PRECISE_LIMIT if PRECISE else FAST_LIMIT
    near = own <= tl.where(k <= 2, FEW_FEATURES_LIMIT, limit)
    return spread < SERIES_LIMIT, near & (tl.load(state_ptr + MEAN) <= NARROW_MEAN), spread


@triton.jit
def level_of(state_ptr, wide):
    """A number (float32) near the kernel's values, less one where they are."""
    mean = tl.load(state_ptr + MEAN)
    typical = tl.load(state_ptr + TYPICAL).to(tl.float32)
    return tl.where(wide, typical - 1.0, tl.where(mean > LEVEL_MEAN, 0.0, typical))


@triton.jit
def operand_of(columns_ptr, norms_ptr, row, k, K: tl.constexpr, BLOCK_M: tl.constexpr):
    """The row side of the augmented product; nothing where there is none."""
    if K > 0:
        operand = row_operand(columns_ptr, norms_ptr, row, k, 0.0, K, BLOCK_M)
    else:
        operand = tl.zeros((BLOCK_M,), tl.float16)
    return operand


@triton.jit
def exponents(
    operand, columns_ptr, planar_ptr, row, col, padded, k,
    FORM: tl.constexpr, UNROLLED: tl.constexpr, K: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """-m (BLOCK_M, BLOCK_N)."""
    if FORM == DIRECT:
        q = -direct_tile(planar_ptr, row, col, padded, k, UNROLLED, BLOCK_M, BLOCK_N)
    else:
        q = split_tile(operand, columns_ptr, col, K, BLOCK_N)
    return q


@triton.jit
def kernel_value(q, wide, FORM: tl.constexpr):
    """2^q, less one where the bandwidth is wide."""
    if FORM == SPLIT:
        value = tl.exp2(q)
    elif wide:
        near = tl.where(q < -8.0, 0.0, q)  # padding lies far out
        value = exponential_remainder(-near) + near * 0.6931471805599453
    else:
        value = tl.exp2(q)
    return value


@triton.jit
def counted(row, col, n, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """Mask (BLOCK_M, BLOCK_N) without the diagonal and the columns of padding."""
    rows = (row + tl.arange(0, BLOCK_M))[:, None]
    cols = (col + tl.arange(0, BLOCK_N))[None, :]
    return (rows != cols) & (cols < n)


@triton.jit
def uncounted(row, start, stop, n, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """What a loop without masks has to take back: a row's diagonal (BLOCK_M,), empty columns."""
    rows = row + tl.arange(0, BLOCK_M)
    empty = tl.where(stop > start, (stop - start + BLOCK_N - 1) // BLOCK_N * BLOCK_N, 0)
    return (rows >= start) & (rows < stop), tl.maximum(start + empty - n, 0).to(tl.float32)


@triton.jit
def row_sum_loop(
    operand, columns_ptr, planar_ptr, wide, level, row, start, stop, n, padded, k,
    FORM: tl.constexpr, UNROLLED: tl.constexpr, K: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Sums (BLOCK_M,) over columns of kernel values less the level."""
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for col in range(start, stop, BLOCK_N):
        q = exponents(
            operand, columns_ptr, planar_ptr, row, col, padded, k,
            FORM, UNROLLED, K, BLOCK_M, BLOCK_N,
        )  # fmt: skip
        value = kernel_value(q, wide, FORM) - level
        if FORM != SPLIT:
            value = tl.where(counted(row, col, n, BLOCK_M, BLOCK_N), value, 0.0)
        total += value
    sums = tl.sum(total, 1)
    if FORM == SPLIT:
        on_diagonal, empty = uncounted(row, start, stop, n, BLOCK_M, BLOCK_N)
        sums += level * empty - tl.where(on_diagonal, 1.0 - level, 0.0)
    return sums


@triton.jit
def store_row_sums(
    state_ptr, columns_ptr, planar_ptr, norms_ptr, largest_ptr, sums_ptr, total_ptr,
    row, start, stop, n, tiles, k,
    FORMS: tl.constexpr, UNROLLED: tl.constexpr, K: tl.constexpr, PRECISE: tl.constexpr,
    BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Row sums of one tile of one sample over some columns, and their sum."""
    padded = tiles * BLOCK
    wide, near, _ = sample_form(state_ptr, largest_ptr, row, tiles, k, PRECISE, BLOCK)
    level = level_of(state_ptr, wide)
    operand = operand_of(columns_ptr, norms_ptr, row, k, K, BLOCK_M)
    sums = tl.zeros((BLOCK_M,), tl.float32)
    if K == 0 or FORMS == DIRECT:
        sums = row_sum_loop(
            operand, columns_ptr, planar_ptr, wide, level, row, start, stop, n, padded, k,
            DIRECT, UNROLLED, K, BLOCK_M, BLOCK_N // 2,
        )  # fmt: skip
    elif FORMS == SPLIT or FORMS == SERIES:  # noqa: PLR1714, SIM109 - Triton has no `in`
        sums = row_sum_loop(
            operand, columns_ptr, planar_ptr, wide, level, row, start, stop, n, padded, k,
            FORMS, UNROLLED, K, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    elif not near:
        sums = row_sum_loop(
            operand, columns_ptr, planar_ptr, wide, level, row, start, stop, n, padded, k,
            DIRECT, UNROLLED, K, BLOCK_M, BLOCK_N // 2,
        )  # fmt: skip
    elif FORMS == FEW_ROWS:  # noqa: SIM114 - known when compiled
        sums = row_sum_loop(
            operand, columns_ptr, planar_ptr, wide, level, row, start, stop, n, padded, k,
            SERIES, UNROLLED, K, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    elif wide:
        sums = row_sum_loop(
            operand, columns_ptr, planar_ptr, wide, level, row, start, stop, n, padded, k,
            SERIES, UNROLLED, K, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    else:
        sums = row_sum_loop(
            operand, columns_ptr, planar_ptr, wide, level, row, start, stop, n, padded, k,
            SPLIT, UNROLLED, K, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    rows = row + tl.arange(0, BLOCK_M)
    sums = tl.where(rows < n, sums, 0.0)
    tl.store(sums_ptr + rows, sums)
    tl.store(total_ptr, tl.sum(sums.to(tl.float64), 0))


@triton.jit(
    do_not_specialize=["tiles", "row_tiles", "columns_per_split", "n", "p", "q"],
)
def row_sums_kernel(
    x_state_ptr, x_columns_ptr, x_planar_ptr, x_norms_ptr, x_largest_ptr,
    y_state_ptr, y_columns_ptr, y_planar_ptr, y_norms_ptr, y_largest_ptr,
    sums_ptr, totals_ptr, tiles, row_tiles, columns_per_split, n, p, q,
    FORMS: tl.constexpr, PRECISE: tl.constexpr, UX: tl.constexpr, UY: tl.constexpr,
    KX: tl.constexpr, KY: tl.constexpr,
    BLOCK: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """sums[batch, sample, split, n_padded] of the kernels less their levels.

    totals[batch, sample, split, row tile] are sums of them. Grid (batches * row_tiles, splits,
    samples).
    """
    batch = (tl.program_id(0) // row_tiles).to(tl.int64)
    tile = tl.program_id(0) % row_tiles
    row = tile * BLOCK_M
    split = tl.program_id(1)
    padded = tiles * BLOCK
    start = split * columns_per_split * BLOCK_N
    stop = tl.minimum(start + columns_per_split * BLOCK_N, n)
    slot = (2 * batch + tl.program_id(2)) * tl.num_programs(1) + split
    sums_ptr += slot * padded
    totals_ptr += slot * row_tiles + tile
    if tl.program_id(2) == 0:
        store_row_sums(
            x_state_ptr + batch * (COLUMNS + 2 * p), x_columns_ptr + batch * padded * KX,
            x_planar_ptr + batch * padded * p, x_norms_ptr + batch * padded,
            x_largest_ptr + batch * tiles, sums_ptr, totals_ptr, row, start, stop, n, tiles, p,
            FORMS, UX, KX, PRECISE, BLOCK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
    else:
        store_row_sums(
            y_state_ptr + batch * (COLUMNS + 2 * q), y_columns_ptr + batch * padded * KY,
            y_planar_ptr + batch * padded * q, y_norms_ptr + batch * padded,
            y_largest_ptr + batch * tiles, sums_ptr, totals_ptr, row, start, stop, n, tiles, q,
            FORMS, UY, KY, PRECISE, BLOCK, BLOCK_M, BLOCK_N,
        )  # fmt: skip
