"""What the Triton kernels share: device functions, operand preparation, launch geometry.

Lives here: the squared distance of a tile in its two forms, the product of a tile of kernel values
with weights in one or two half-precision terms, and the host code that brings points and weights
into the layouts those functions read. What an op computes with a distance is in
``<op>/triton_impl.py``; which block sizes it runs with is in ``_triton_table.py``.

The two forms of a squared distance between prepared points z:

* direct: sum_c (z_ic - z_jc)^2 on the FMA units, from planar (k, n) float32 storage. Exact to
  float32 rounding at any spread; cheap for k <= 2.
* split: |z_i|^2 + |z_j|^2 - 2 <z_i, z_j> on the tensor cores. sqrt(2) z is stored as the sum of two
  half-precision terms (22 bits), three of the four products are kept. Its absolute error grows as
  2^-22 max |z|^2, so a problem whose points spread too far takes the direct form instead; a flag
  per problem, computed on the device, decides, and no host synchronisation is needed.

A padded column must contribute nothing. Its weights are zero, and its norm is a sentinel that every
kernel function maps to zero, so no loop has a mask.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from rep4ex_kernels._launch import on_its_device, scratch  # noqa: F401
from rep4ex_kernels._triton_table import BLOCK

# Columns after which a partial sum leaves the tensor core's accumulator. Tensor cores truncate
# instead of rounding, so a long sum drifts; ordinary float32 additions between chunks do not.
CHUNK_COLUMNS = 2048

# Largest max |z|^2 the split form may be used with; its error there is about 2^-22 of it.
SPREAD_LIMIT = {"precise": 32.0, "fast": 256.0}

# The same for one or two features, where the direct form costs no more and is more accurate.
NARROW_SPREAD_LIMIT = 16.0

# Below this max |z|^2 every m is at most four times that, which is where the series holds. There it
# replaces the exponential, whose rounding is one of a number near one: the part of a wide bandwidth
# that is left after projection, centring or a difference of means is far smaller.
SERIES_LIMIT = 0.9

# Where the mean of m is above NARROW_MEAN most kernel values are near nothing, and a gradient is
# made of the few near pairs. There the values are multiplied by 2^NARROW_LIFT, up to the largest
# that half precision holds, so that pairs down to 2^-38 count instead of 2^-24.
NARROW_MEAN, NARROW_LIFT = 8.0, 14

# Up to this many rows fast mode is precise mode: launches bound such problems, not exponentials.
FAST_ROWS = 2048

# Norm of a padded column: exp2(-BEYOND) is zero; minus BEYOND reads as "no distance at all".
BEYOND = 1e30

# Weights are scaled by a power of two so that their largest entry is just below 2^WEIGHT_EXPONENT:
# far from overflow in half precision, and the second term far from the subnormal range.
WEIGHT_EXPONENT = 14

MAX_SPLIT_FEATURES = 64

# Rows of one problem. Offsets inside a problem are 32-bit: a row times the width of the points or
# of the weights, 64 at most. Problems, chunks of columns and splits are told apart in 64 bits.
MAX_ROWS = (2**31 - 1) // 64 // BLOCK * BLOCK

# Which launch handles a problem. SERIES: all points within a small part of a bandwidth.
ROUTE_SPLIT, ROUTE_DIRECT, ROUTE_SERIES = 0, 1, 2


# ------------------------------------------------------------------------------- device functions


@triton.jit
def direct_squares(
    points_ptr, norms_ptr, row, col, n_padded, k,
    K: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Squared distances (BLOCK_M, BLOCK_N) from planar (k, n_padded) float32 points.

    K is k when it is 1 or 2 and 0 for a loop over any k. The norms hold 0, or the sentinel.
    """
    rows = row + tl.arange(0, BLOCK_M)
    cols = col + tl.arange(0, BLOCK_N)
    # The sentinel enters as the first addend, which a fused multiply-add takes for free.
    squares = tl.load(norms_ptr + cols)[None, :] + tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    if K > 0:
        for c in tl.static_range(K):
            difference = tl.load(points_ptr + c * n_padded + rows)[:, None]
            difference -= tl.load(points_ptr + c * n_padded + cols)[None, :]
            squares += difference * difference
    else:
        for _ in range(k):
            difference = tl.load(points_ptr + rows)[:, None] - tl.load(points_ptr + cols)[None, :]
            squares += difference * difference
            points_ptr += n_padded
    return squares


@triton.jit
def split_squares(
    row_high, row_low, row_norms, high_ptr, low_ptr, norms_ptr, col,
    K: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Squared distances (BLOCK_M, BLOCK_N) from two-term half-precision points of width K."""
    offsets = tl.arange(0, BLOCK_N)[:, None] * K + tl.arange(0, K)[None, :]
    col_high = tl.trans(tl.load(high_ptr + col * K + offsets))
    col_low = tl.trans(tl.load(low_ptr + col * K + offsets))
    products = tl.dot(row_high, col_low)
    products = tl.dot(row_low, col_high, products)
    products = tl.dot(row_high, col_high, products)
    # The norms are added after the products: loaded for an accumulator they are not prefetched.
    col_norms = tl.load(norms_ptr + col + tl.arange(0, BLOCK_N))
    return (row_norms[:, None] - products) + col_norms[None, :]


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


# ---------------------------------------------------------------------------- operand preparation


@dataclass(frozen=True)
class PreparedPoints:
    """Points (B, n, k), scaled and padded to n_padded rows, in the layouts the kernels read."""

    planar: Tensor  # (B, k, n_padded) float32; direct form
    sentinels: Tensor  # (B, n_padded) float32: 0 for a point, the sentinel for padding
    high: Tensor  # (B, n_padded, width) float16; split form
    low: Tensor  # (B, n_padded, width) float16
    norms: Tensor  # (B, n_padded) float32: |z|^2, the sentinel for padding
    route: Tensor  # (B,) int32: the launch that handles a problem
    spread: Tensor  # (B,) float32: max |z|^2
    features: int
    width: int  # 0: there is no split form

    @property
    def direct_features(self) -> int:
        """The kernels' K in the direct form: k when its loop is unrolled, else 0."""
        return self.features if self.features <= 2 else 0

    @property
    def routes(self) -> tuple[int, ...]:
        """Routes whose kernels form an exponential; each problem is handled by one of them."""
        return (ROUTE_SPLIT, ROUTE_DIRECT) if self.width else (ROUTE_DIRECT,)

    def operands(self, direct: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Points, their second term and their norms, as the kernels of one form take them."""
        if direct:
            return self.planar, self.planar, self.sentinels
        return self.high, self.low, self.norms

    def kernel_width(self, direct: bool) -> int:
        """The kernels' constant K in one form."""
        return self.direct_features if direct else self.width


def prepare_points(
    points: Tensor,
    counts: tuple[int, ...],
    block: int,
    limit: float,
    sentinel: float,
    series_limit: float = 0.0,
    least_width: int = 16,
) -> PreparedPoints:
    """Lay out scaled points (B, n, k) float32, n the sum of ``counts``.

    Each of the ``counts`` groups of rows is padded to a multiple of ``block``, so that no tile
    mixes two groups. max |z|^2 routes a problem: to the series form below ``series_limit``, to the
    direct form above ``limit`` or where there is no split form.
    """
    batch, _, k = points.shape
    check_row_limit(sum(count + -count % block for count in counts))
    groups = [_padded(g, block) for g in points.split(counts, dim=1)]
    padded = torch.cat(groups, dim=1) if len(groups) > 1 else groups[0]
    n_padded = padded.shape[1]
    sentinels = points.new_zeros((batch, n_padded))
    offset = 0
    for count, group in zip(counts, groups, strict=True):
        sentinels[:, offset + count : offset + group.shape[1]] = sentinel
        offset += group.shape[1]
    planar = padded.transpose(1, 2).contiguous()
    if k <= 2:
        limit = min(limit, NARROW_SPREAD_LIMIT)
    if k > MAX_SPLIT_FEATURES:
        spread = (planar * planar).sum(1).amax(1)
        route = _route(spread, -1.0, series_limit)
        return PreparedPoints(planar, sentinels, planar, planar, sentinels, route, spread, k, 0)
    width = power_of_two(k, least_width)
    scaled = torch.nn.functional.pad(padded * 2.0**0.5, (0, width - k))
    high = scaled.half()
    low = (scaled - high.float()).half()
    # Norms of the stored values, not of the points: a point's distance to itself is then zero up to
    # the rounding of a sum.
    stored = high.double() + low.double()
    squares = (stored * stored).sum(-1) / 2
    norms = torch.where(sentinels == 0, squares.float(), sentinels)
    spread = squares.amax(-1).float()
    route = _route(spread, limit, series_limit)
    return PreparedPoints(planar, sentinels, high, low, norms, route, spread, k, width)


def _route(spread: Tensor, limit: float, series_limit: float) -> Tensor:
    """A comparison with NaN or infinity is false or true alike for both limits: one launch runs."""
    route = torch.where(spread <= limit, ROUTE_SPLIT, ROUTE_DIRECT)
    return torch.where(spread < series_limit, ROUTE_SERIES, route).to(torch.int32)


def stored_points(points: PreparedPoints, counts: tuple[int, ...]) -> Tensor:
    """The points (B, n, k) as the kernel saw them, in float64, without the padding.

    Half-precision pairs hold 22 bits. A statistic that is a small difference of sums shows that,
    and corrects its value to first order by <gradient, points - stored points>.
    """
    stored = points.planar.mT.double()
    if points.width:
        split = (points.high.double() + points.low.double())[..., : points.features] / 2**0.5
        direct = (points.route == ROUTE_DIRECT)[:, None, None]
        stored = torch.where(direct, stored, split)
    groups, start = [], 0
    for count in counts:
        groups.append(stored[:, start : start + count])
        start += count + -count % BLOCK
    return torch.cat(groups, dim=1)


@dataclass(frozen=True)
class PreparedWeights:
    """Weights (B, n, d) as half-precision columns, in chunks of ``width`` of them."""

    columns: Tensor  # (B, chunks, n_padded, width) float16: [high | low | 0]
    exponents: Tensor  # (B, 1, d) int32: the powers of two the columns were multiplied by
    per_chunk: int

    @property
    def chunks(self) -> int:
        """How many column chunks there are; each is a grid index."""
        return self.columns.shape[1]

    @property
    def width(self) -> int:
        """Columns of one chunk, a power of two."""
        return self.columns.shape[3]


def prepare_weights(
    weights: Tensor, counts: tuple[int, ...], block: int, max_width: int
) -> PreparedWeights:
    """Scale, split and pad weights (B, n, d) float32; padding as in ``prepare_points``.

    The two terms of a column sit side by side, so one product with a kernel tile takes both, and
    the halves are added when partial sums are. Fast mode keeps both: rounding the weights to one
    term would bias the value, and the second term costs no issue slot.
    """
    d = weights.shape[2]
    per_chunk = min(d, max_width // 2)
    chunks = -(-d // per_chunk)
    exponents = WEIGHT_EXPONENT - torch.frexp(weights.abs().amax(1, True)).exponent.clamp(-100, 127)
    scaled = torch.ldexp(weights, exponents)
    groups = [_padded(g, block) for g in scaled.split(counts, dim=1)]
    padded = torch.cat(groups, dim=1) if len(groups) > 1 else groups[0]
    padded = torch.nn.functional.pad(padded, (0, chunks * per_chunk - d))
    padded = padded.unflatten(2, (chunks, per_chunk)).transpose(1, 2)
    high = padded.half()
    low = (padded - high.float()).half()
    fill = power_of_two(2 * per_chunk, 32) - 2 * per_chunk
    columns = torch.nn.functional.pad(torch.cat([high, low], dim=-1), (0, fill))
    return PreparedWeights(columns.contiguous(), exponents, per_chunk)


def combine_partials(partial: Tensor, weights: PreparedWeights) -> Tensor:
    """Second stage: partial (S, B, chunks, n_padded, width) to sums (B, n_padded, d) float32.

    A fixed order of additions over the S column splits: two runs give the same bits.
    """
    total = partial[0] if partial.shape[0] == 1 else partial.sum(0)
    sums = total[..., : weights.per_chunk] + total[..., weights.per_chunk : 2 * weights.per_chunk]
    sums = sums.transpose(1, 2).flatten(2)[..., : weights.exponents.shape[-1]]
    return torch.ldexp(sums, -weights.exponents)


# -------------------------------------------------------------------------------- launch geometry


def power_of_two(value: int, least: int) -> int:
    """The smallest power of two that is at least ``value`` and ``least``."""
    return max(least, 1 << max(0, value - 1).bit_length())


def column_splits(programs: int, columns: int, block: int, device: torch.device) -> tuple[int, int]:
    """(splits, columns a split) so that few rows still fill the device.

    Splitting costs a partial buffer of the output's size each, so it stops at two programs a
    multiprocessor, at one chunk a split and at 16 splits.
    """
    wanted = -(-2 * _multiprocessors(device) // max(1, programs))
    splits = max(1, min(wanted, columns // CHUNK_COLUMNS + 1, 16))
    per_split = -(-columns // (splits * block)) * block
    return -(-columns // max(per_split, 1)), per_split


@functools.lru_cache
def _multiprocessors(device: torch.device) -> int:
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


def check_row_limit(rows: int) -> None:
    """Raise ValueError for more padded rows a problem than 32-bit offsets reach."""
    if rows > MAX_ROWS:
        raise ValueError(
            f"rows: the Triton kernels take at most {MAX_ROWS} in one problem, received {rows}; "
            "split the problem, or use backend='torch'"
        )


def check_precision(precision: str, rows: int) -> bool:
    """True for "precise" or few rows, False for "fast"; ValueError otherwise."""
    if precision not in SPREAD_LIMIT:
        raise ValueError(
            f"precision: expected one of {sorted(SPREAD_LIMIT)}, received {precision!r}"
        )
    return precision == "precise" or rows <= FAST_ROWS


def _padded(rows: Tensor, block: int) -> Tensor:
    missing = -rows.shape[1] % block
    return torch.nn.functional.pad(rows, (0, 0, 0, missing)) if missing else rows
