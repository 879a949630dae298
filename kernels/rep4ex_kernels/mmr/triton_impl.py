"""Gaussian kernel product U = K V on the GPU: the pass behind the MMR penalty and its gradient.

    U_i = sum_j exp(-|p_i - p_j|^2 / (2 h^2)) v_j        value = <V, U> / n^2, gradient 2 U / n^2

(Muandet, Jitkrittum and Kuebler 2020, equation 9, the V-statistic; the projection on the orthogonal
complement of the actions is the caller's.) One exponential a pair is the floor; the distances are
products of two-term half-precision points, or direct differences where points spread too far for
those, and U is accumulated on the tensor cores. See ``_triton_helpers`` for the layouts.

With m_ij = log2(e) |p_i - p_j|^2 / (2 h^2), so that K = 2^-m, the kernel sums K less its tangent at
the mean of m, and the tangent's own product is added from moments in float64:

    K - (alpha - beta m) = 2^-c (2^-m' + e ln(2) m'),    m' = m - c,  c = 1 / ln(2) + mean of m,
    sum_j (alpha - beta m_ij) v_j,    m_ij = |z_i|^2 + |z_j|^2 - 2 <z_i, z_j>.

The shift by c rides on the norms, so the tangent costs one multiply-add a pair. Residuals of a
regression on the actions annihilate most of the tangent, so for bandwidths near the median distance
and above K V is small against K; without the subtraction the rounding of K to half precision, and
for wide bandwidths to single precision, would exceed it. Where all m are small the difference
K - 1 + s, s = m ln 2, is summed as a series and no exponential is formed at all.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import triton
import triton.language as tl
from torch import Tensor

from rep4ex_kernels._triton_helpers import (
    CHUNK_COLUMNS,
    NARROW_LIFT,
    NARROW_MEAN,
    ROUTE_DIRECT,
    ROUTE_SERIES,
    ROUTE_SPLIT,
    SERIES_LIMIT,
    SPREAD_LIMIT,
    PreparedPoints,
    PreparedWeights,
    check_float32,
    check_precision,
    column_splits,
    combine_partials,
    direct_squares,
    exponential_remainder,
    on_its_device,
    prepare_points,
    prepare_weights,
    scratch,
    split_squares,
    weighted_sum,
)
from rep4ex_kernels._triton_table import (
    BLOCK,
    architecture_of,
    pair_configuration,
    widest_weights,
)

# The tangent is removed while the mean of m is at most this, and max |z|^2 at most that: farther
# out most kernel values are near zero, and removing a tangent would make them large.
TANGENT_MEAN, TANGENT_SPREAD = 3.0, 1000.0


@triton.jit
def kernel_product_kernel(
    points_ptr, low_ptr, norms_ptr, weights_ptr, slope_ptr, partial_ptr, route_ptr,
    n_padded, k, batches, columns_per_split,
    DIRECT: tl.constexpr, K: tl.constexpr, W: tl.constexpr, PRECISE: tl.constexpr,
    SERIES: tl.constexpr, ROUTE: tl.constexpr, CHUNK: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """partial[split, batch, chunk, rows] = sum over the split's columns of (K - tangent) weights.

    The slope is that of the tangent; for a series it is the factor of its remainders.
    Grid (batches * n_padded / BLOCK_M, splits, chunks of weight columns).
    """
    tiles = n_padded // BLOCK_M
    batch = (tl.program_id(0) // tiles).to(tl.int64)
    row = (tl.program_id(0) % tiles) * BLOCK_M
    split = tl.program_id(1)
    if tl.load(route_ptr + batch) != ROUTE:
        return
    rows = tl.arange(0, BLOCK_M)
    wide = tl.arange(0, W)
    chunk = batch * tl.num_programs(2) + tl.program_id(2)
    norms_ptr += batch * n_padded
    weights_ptr += chunk * n_padded * W
    slope = tl.load(slope_ptr + batch)
    if DIRECT:
        points_ptr += batch * n_padded * k
    else:
        points_ptr += batch * n_padded * K
        low_ptr += batch * n_padded * K
        offsets = (row + rows)[:, None] * K + tl.arange(0, K)[None, :]
        row_high = tl.load(points_ptr + offsets)
        row_low = tl.load(low_ptr + offsets)
        row_norms = tl.load(norms_ptr + row + rows)
    start = split * columns_per_split
    stop = tl.minimum(start + columns_per_split, n_padded)
    total = tl.zeros((BLOCK_M, W), tl.float32)
    for begin in range(start, stop, CHUNK):
        part = tl.zeros((BLOCK_M, W), tl.float32)
        for col in range(begin, tl.minimum(begin + CHUNK, stop), BLOCK_N):
            if DIRECT:
                m = direct_squares(
                    points_ptr, norms_ptr, row, col, n_padded, k, K, BLOCK_M, BLOCK_N
                )
            else:
                m = split_squares(
                    row_high, row_low, row_norms, points_ptr, low_ptr, norms_ptr, col, K, BLOCK_N
                )
            if SERIES:
                kernel = exponential_remainder(m) * slope
            elif DIRECT and K > 0:
                kernel = tl.exp2(m * -1.0)
            else:
                # A product with -1 folds into the exponential's operand; a minus sign does not.
                kernel = tl.exp2(m * -1.0) + m * slope
            columns = (col + tl.arange(0, BLOCK_N))[:, None] * W + wide[None, :]
            weights = tl.load(weights_ptr + columns)
            part = weighted_sum(kernel, weights, part, PRECISE)
        total += part
    slot = (split.to(tl.int64) * batches * tl.num_programs(2) + chunk) * n_padded + row
    tl.store(partial_ptr + slot * W + rows[:, None] * W + wide[None, :], total)


@on_its_device
def kernel_product(
    points: Tensor, values: Tensor, bandwidth: Tensor, precision: str = "precise"
) -> Tensor:
    """U (B, n, d) = sum_j exp(-|p_i - p_j|^2 / (2 bandwidth^2)) v_j.

    points (B, n, k) centred, values (B, n, d), bandwidth (B,), all float32 and contiguous. Fast
    mode rounds K less its tangent to half precision: 1e-3 of the gradient, 1e-4 of the penalty
    where the values depend on the points, up to 1e-3 of a penalty that is at its noise level.
    """
    check_float32(points=points, values=values, bandwidth=bandwidth)
    n = points.shape[1]
    precise = check_precision(precision, n)
    if values.numel() == 0 or points.shape[2] == 0:
        # Without features every kernel value is one.
        return values.sum(1, keepdim=True).expand_as(values).contiguous()
    scaled = points * (math.sqrt(math.log2(math.e) / 2) / bandwidth)[:, None, None]
    # The weights of padding are zero, so its points need no sentinel.
    limit = SPREAD_LIMIT["precise" if precise else "fast"]
    prepared = prepare_points(scaled, (n,), BLOCK, limit, 0.0, SERIES_LIMIT)
    widest = widest_weights(architecture_of(points.device), points.shape[2])
    weights = prepare_weights(values, (n,), BLOCK, widest)
    shift, level = _tangent(scaled, prepared)
    gain = _gain(prepared)
    # A tangent's slope in units of the shifted kernel; zero where none is removed.
    slope = torch.where(level == 0, 0.0, math.e * math.log(2))
    slope = torch.where(prepared.route == ROUTE_SERIES, gain, slope).float()
    partial = _launch(_shifted(prepared, shift), weights, slope, precise)
    sums = combine_partials(partial, weights)[:, :n].double()
    sums = sums * (torch.exp2(-shift) / gain)[:, None, None]
    alpha, beta = level * shift * math.log(2), level * math.log(2)
    alpha = torch.where(prepared.route == ROUTE_SERIES, 1.0, alpha)
    return (sums + _tangent_product(scaled, values, alpha, beta)).float()


def _tangent(scaled: Tensor, prepared: PreparedPoints) -> tuple[Tensor, Tensor]:
    """Shift c and level 2^-(mean of m), (B,) in float64: K is near level ln(2) (c - m).

    The level is zero where no tangent is removed; the series removes the one at m = 0 by itself.
    Narrow kernels are shifted too, so that the values between distant points stay above the least
    that half precision holds.
    """
    mean = 2 * scaled.double().square().sum(-1).mean(-1)
    removed = (mean <= TANGENT_MEAN) & (prepared.spread <= TANGENT_SPREAD)
    if prepared.direct_features:
        removed &= prepared.route != ROUTE_DIRECT  # the unrolled direct form has no tangent
    series = prepared.route == ROUTE_SERIES
    # Rounded so that the norms' halves of it are exact in float32 at any norm below 2^8.
    shift = torch.round((1 / math.log(2) + mean) * 4096) / 4096
    mean = shift - 1 / math.log(2)
    lifted = torch.where(mean > NARROW_MEAN, float(NARROW_LIFT), 0.0)
    shift = torch.where(removed & ~series, shift, torch.where(removed | series, 0.0, lifted))
    level = torch.where(removed, torch.exp2(-mean), 0.0)
    return shift, torch.where(series, 1.0, level)


def _gain(points: PreparedPoints) -> Tensor:
    """Power of two (B,) in float64 that brings the largest remainder of a series to about 2^15.

    The remainders of a wide bandwidth are subnormal in half precision. One for other routes.
    """
    largest = (4 * math.log(2) * points.spread.double()).square() / 2
    exponent = torch.frexp(largest.clamp_min(2.0**-80)).exponent
    gain = torch.ldexp(torch.ones_like(largest), 15 - exponent)
    return torch.where(points.route == ROUTE_SERIES, gain, 1.0)


def _shifted(points: PreparedPoints, shift: Tensor) -> PreparedPoints:
    """The shift on the norms: half on a row's and half on a column's, whole in the direct form."""
    c = shift.float()[:, None]
    return replace(points, norms=points.norms - c / 2, sentinels=points.sentinels - c)


def _tangent_product(points: Tensor, values: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """sum_j (alpha - beta |z_i - z_j|^2) v_j (B, n, d) in float64, from moments: linear in n."""
    z, v = points.double(), values.double()
    squares = z.square().sum(-1, keepdim=True)
    alpha, beta = alpha[:, None, None], beta[:, None, None]
    total = v.sum(1, keepdim=True)
    weighted = (squares * v).sum(1, keepdim=True)
    return (alpha - beta * squares) * total - beta * weighted + 2 * beta * (z @ (z.mT @ v))


def _launch(
    points: PreparedPoints, weights: PreparedWeights, slope: Tensor, precise: bool
) -> Tensor:
    """Partial sums (splits, B, chunks, n_padded, width); one launch for each route."""
    batches, chunks, n_padded, width = weights.columns.shape
    tiles = batches * (n_padded // BLOCK)
    splits, per_split = column_splits(tiles * chunks, n_padded, BLOCK, points.planar.device)
    partial = scratch((splits, batches, chunks, n_padded, width), points.planar)
    architecture = architecture_of(points.planar.device)
    for route in (*points.routes, ROUTE_SERIES):
        direct = points.width == 0 or route not in (ROUTE_SPLIT, ROUTE_SERIES)
        config = pair_configuration(architecture, "product", points.kernel_width(direct), width)
        kernel_product_kernel[(batches * (n_padded // config.block_m), splits, chunks)](
            *points.operands(direct), weights.columns, slope, partial, points.route,
            n_padded, points.features, batches, per_split,
            DIRECT=direct, K=points.kernel_width(direct), W=width,
            PRECISE=precise or route == ROUTE_SERIES,  # the series is the path of small remainders
            SERIES=route == ROUTE_SERIES, ROUTE=route, CHUNK=CHUNK_COLUMNS,
            BLOCK_M=config.block_m, BLOCK_N=config.block_n,
            num_warps=config.num_warps, num_stages=config.num_stages,
        )  # fmt: skip
    return partial
