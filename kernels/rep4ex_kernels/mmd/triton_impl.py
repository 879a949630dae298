"""MMD^2 and its gradients on the GPU, one pass over all pairs of the stacked samples z = [x; y].

    MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y)       (Gretton et al. 2012, eq. 5 and 3)

The same kernel serves the energy distance, whose k is minus the distance. For rows of one sample
and columns of one sample it accumulates

    s_i = sum_j (k_ij - g),    C_i = sum_j (c_ij - a),    G_i = sum_j (c_ij - a) z_j,

c the weight in d k / d z_i = -c_ij (z_i - z_j) (in the units of the scaled points), so that the
gradient is -(z_i C_i - G_i); the last two are one tensor-core product with the weights [z, 1].
Splits of the columns never mix the samples, so one launch yields every block with its own sums,
which are then combined in float64. The levels g and a are subtracted before anything is rounded,
and what they contribute is added from moments: for wide bandwidths k is near one everywhere and
the statistic is far smaller than k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rep4ex_kernels._triton_helpers import (
    BEYOND,
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
    on_its_device,
    prepare_points,
    prepare_weights,
    scratch,
    stored_points,
)
from rep4ex_kernels._triton_table import (
    BLOCK,
    architecture_of,
    pair_configuration,
    widest_weights,
)
from rep4ex_kernels.mmd.triton_kernel import (
    DISTANCE,
    GAUSSIAN,
    GAUSSIAN_MIXTURE,
    IMQ,
    KINDS,
    LAPLACE,
    NO_DISTANCE,
    OUTLIER_RATIO,
    SERIES,
    SPLIT_SPREAD,
    WEIGHT_CAP,
    radial_kernel,
)


def mmd_pass(
    x: Tensor,
    y: Tensor,
    kernel: str,
    bandwidths: Tensor,
    unbiased: bool,
    precision: str = "precise",
) -> tuple[Tensor, Tensor, Tensor]:
    """MMD^2 (B,) and its gradients (B, n, d), (B, m, d); the mean over the bandwidths (B, q).

    Kernels exp(-r^2 / (2 h^2)), exp(-r / h) and (1 + r^2 / h^2)^(-1/2), r the Euclidean distance.
    """
    check_float32(x=x, y=y, bandwidths=bandwidths)
    if kernel not in KINDS:
        raise ValueError(f"kernel: expected one of {sorted(KINDS)}, received {kernel!r}")
    kind = KINDS[kernel]
    if kind == GAUSSIAN_MIXTURE and bandwidths.shape[1] == 1:
        kind = GAUSSIAN
    value, grad_x, grad_y = radial_pass(x, y, kind, bandwidths, unbiased, precision)
    q = bandwidths.shape[1]
    return (value / q).float(), (grad_x / q).float(), (grad_y / q).float()


@dataclass(frozen=True)
class Scaling:
    """How raw samples and kernel results map to what the kernel computes."""

    scale: Tensor  # (B,): z = scale (raw - centre)
    rates: Tensor  # (B, q, 2) float32: (rate, weight factor)
    value_factor: Tensor  # (B,): value of k from the kernel's
    weight_factor: Tensor  # (B,): c in d k / d raw_i = -c (z_i - z_j) from the kernel's weight
    at_zero: float  # the kernel's value at distance zero


@on_its_device
def radial_pass(
    x: Tensor, y: Tensor, kind: int, bandwidths: Tensor, unbiased: bool, precision: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The statistic of ``kind``, summed over bandwidths, and its gradients, all in float64."""
    n, m = x.shape[1], y.shape[1]
    precise = check_precision(precision, n + m)
    stacked = torch.cat([x, y], dim=1).double()
    stacked = stacked - stacked.mean(1, keepdim=True)
    if stacked.numel() == 0:
        zeros = x.new_zeros(x.shape[0], dtype=torch.float64)
        return zeros, x.double(), y.double()
    scaling = _scaling(stacked, kind, bandwidths)
    exact = stacked * scaling.scale.double()[:, None, None]
    z = exact.float()
    points = _route_points(z, (n, m), kind, "precise" if precise else "fast")
    level = _level(z, points, kind, scaling)
    ones = torch.ones_like(z[..., :1])
    widest = widest_weights(architecture_of(x.device), z.shape[2])
    weights = prepare_weights(torch.cat([z, ones], -1), (n, m), BLOCK, widest)
    lift = _lift(z, points, kind)
    blocks = _launch(points, weights, (n, m), kind, scaling, level, lift, precise)
    return _combine(exact, points, (n, m), blocks, scaling, level, lift, kind, unbiased)


def _scaling(stacked: Tensor, kind: int, bandwidths: Tensor) -> Scaling:
    """Scales that bring every kind into the range of half precision."""
    log2e, ln2 = math.log2(math.e), math.log(2)
    h = bandwidths.double()
    ones = torch.ones_like(h[:, 0])
    if kind in (DISTANCE, LAPLACE):
        largest = stacked.square().sum(-1).amax(-1).sqrt()
        scale = math.sqrt(SPLIT_SPREAD) / largest.clamp_min(1e-30)
        scale = torch.where(largest > 0, scale, 1.0)
        if kind == DISTANCE:
            return Scaling(scale.float(), _pairs(h, h), -1 / scale.float().double(), ones, 0.0)
        rate = log2e / (h * scale.float().double()[:, None])
        gain = _laplace_gain(stacked, rate)
        factors = _pairs(-rate, rate * gain[:, None])
        return Scaling(scale.float(), factors, ones, ln2 * scale / gain, float(h.shape[1]))
    least = h.amin(1)
    scale = (math.sqrt(log2e / 2) if kind != IMQ else 1.0) / least
    rate = (least[:, None] / h) ** 2
    lift = 1.0 if kind == GAUSSIAN else 4096.0 / h.shape[1]  # small weights would be subnormal
    slope = 1.0 if kind == IMQ else 2 * ln2
    return Scaling(
        scale.float(), _pairs(-rate, rate * lift), ones, slope / lift * scale, float(h.shape[1])
    )


def _laplace_gain(stacked: Tensor, rate: Tensor) -> Tensor:
    """Power of two (B,) that lifts the weights of narrow kernels out of subnormal numbers.

    The weight of the closest pair that counts stays below the cap, unless there is an outlier:
    that sets the scale, and the other pairs are close.
    """
    squares = stacked.square().sum(-1)
    outlier = squares.amax(-1) > OUTLIER_RATIO * squares.mean(-1)
    largest = rate.sum(1) / math.sqrt(NO_DISTANCE[ROUTE_SPLIT])
    gain = torch.exp2(torch.floor(torch.log2(WEIGHT_CAP.value / largest)))
    return torch.where(outlier, 1.0, gain.clamp_min(1.0))


def _pairs(rates: Tensor, factors: Tensor) -> Tensor:
    return torch.stack([rates, factors], -1).float().contiguous()


def _route_points(z: Tensor, counts: tuple[int, int], kind: int, precision: str) -> PreparedPoints:
    """Prepared points; for a distance, few features or an outlier take the direct form."""
    sentinel = -BEYOND if kind == DISTANCE else BEYOND
    series = SERIES_LIMIT if kind in SERIES else 0.0
    points = prepare_points(z, counts, BLOCK, SPREAD_LIMIT[precision], sentinel, series)
    if kind not in (DISTANCE, LAPLACE) or points.width == 0:
        return points
    mean = z.square().sum(-1).mean(-1)
    direct = points.spread > OUTLIER_RATIO * mean
    if points.features <= 2:
        direct = torch.ones_like(direct)
    return replace(points, route=torch.where(direct, ROUTE_DIRECT, ROUTE_SPLIT).to(torch.int32))


def _level(z: Tensor, points: PreparedPoints, kind: int, scaling: Scaling) -> Tensor:
    """(B,) float32: about the mean of the kernel's values, subtracted before they are summed."""
    mean = 2 * z.double().square().sum(-1).mean(-1)
    rates = -scaling.rates[..., 0].double()
    if kind == DISTANCE:
        level = mean.sqrt()
    elif kind == LAPLACE:
        level = torch.exp2(-mean.sqrt()[:, None] * rates).sum(1)
    elif kind == IMQ:
        level = torch.rsqrt(1 + mean[:, None] * rates).sum(1)
    else:
        level = torch.exp2(-mean[:, None] * rates).sum(1)
    if kind == GAUSSIAN and points.direct_features:
        level = torch.where(points.route == ROUTE_DIRECT, 0.0, level)
    level = torch.where(points.route == ROUTE_SERIES, scaling.at_zero, level)
    return level.float()


def _lift(z: Tensor, points: PreparedPoints, kind: int) -> Tensor:
    """(B,) float32: the power of two that values and weights are multiplied by in the direct form.

    Only there are coincident points told apart: a point's weight on itself would outweigh the rest.
    The other kinds have weights that are lifted throughout.
    """
    lifted = torch.zeros_like(points.spread)
    if kind != GAUSSIAN or points.direct_features:
        return lifted
    narrow = 2 * z.square().sum(-1).mean(-1) > NARROW_MEAN
    return torch.where(narrow & (points.route == ROUTE_DIRECT), float(NARROW_LIFT), lifted)


def is_flat(kind: int, direct: bool, features: int) -> bool:
    """Whether a launch sums directions on the FMA units instead of products on the tensor cores."""
    return direct and features <= 2 and kind in (DISTANCE, LAPLACE)


def radial_family(kind: int, direct: bool, features: int) -> str:
    """The family of a launch in the configuration table."""
    if is_flat(kind, direct, features):
        return "flat"
    return "gaussian" if kind == GAUSSIAN else "radial"


def _launch(
    points: PreparedPoints,
    weights: PreparedWeights,
    counts: tuple[int, int],
    kind: int,
    scaling: Scaling,
    level: Tensor,
    lift: Tensor,
    precise: bool,
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """For the columns of x, then of y: weighted sums (B, N, d + 1) and value sums (B, 3, N)."""
    batches, chunks, n_padded, width = weights.columns.shape
    first = counts[0] + -counts[0] % BLOCK
    device = points.planar.device
    tiles = batches * (n_padded // BLOCK)
    columns = max(first, n_padded - first)
    _, per_split = column_splits(2 * tiles * chunks, columns, BLOCK, device)
    first_splits, second_splits = -(-first // per_split), -(-(n_padded - first) // per_split)
    splits = first_splits + second_splits
    partial = scratch((splits, batches, chunks, n_padded, width), points.planar)
    values = scratch((splits, batches, 3, n_padded), points.planar)
    points = replace(points, sentinels=points.sentinels - lift[:, None])
    levels = torch.stack([torch.ldexp(level, lift.int()), -lift], -1)
    routes = (*points.routes, ROUTE_SERIES) if kind in SERIES else points.routes
    for route in routes:
        direct = route == ROUTE_DIRECT or points.width == 0
        series = route == ROUTE_SERIES
        family = radial_family(SERIES[kind][0] if series else kind, direct, points.features)
        # Few features are not unrolled in this family: where distances are that cheap, sm_100 forms
        # them and their special functions twice, once for each use.
        k_width = 0 if direct and family == "radial" else points.kernel_width(direct)
        config = pair_configuration(architecture_of(device), family, k_width, width)
        radial_kernel[(batches * (n_padded // config.block_m), splits, chunks)](
            *points.operands(direct), weights.columns, scaling.rates, levels,
            partial, values, points.route,
            n_padded, points.features, batches, first, first_splits, per_split, NO_DISTANCE[route],
            DIRECT=direct, K=k_width, W=width,
            PRECISE=precise or series, KIND=SERIES[kind][0] if series else kind,
            BANDWIDTHS=scaling.rates.shape[1],
            FLAT=is_flat(kind, direct, points.features), ROUTE=route, CHUNK=CHUNK_COLUMNS,
            BLOCK_M=config.block_m, BLOCK_N=config.block_n,
            num_warps=config.num_warps, num_stages=config.num_stages,
        )  # fmt: skip
    x_columns = combine_partials(partial[:first_splits], weights), values[:first_splits].sum(0)
    y_columns = combine_partials(partial[first_splits:], weights), values[first_splits:].sum(0)
    return x_columns, y_columns


def _combine(
    z: Tensor,
    points: PreparedPoints,
    counts: tuple[int, int],
    blocks: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]],
    scaling: Scaling,
    level: Tensor,
    lift: Tensor,
    kind: int,
    unbiased: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Second stage in float64: the statistic and its gradients from the four blocks."""
    n, m = counts
    g, drop = level.double(), torch.exp2(-lift.double())
    rows = (z[:, :n], z[:, n:])
    sums, drifts = {}, {}
    series = points.route == ROUTE_SERIES
    slopes = scaling.rates[..., 0].double().sum(1) * SERIES.get(kind, (kind, 0.0))[1]
    for a in (0, 1):
        for b in (0, 1):
            span = slice(_start(n, a), _start(n, a) + counts[a])
            weighted = blocks[b][0][:, span].double() * drop[:, None, None]
            values = blocks[b][1][..., span].double() * drop[:, None, None]
            padding = counts[a] * (-counts[b] % BLOCK)
            exponential = values[:, 0].sum(1) + padding * g
            if kind == GAUSSIAN and points.direct_features:
                direct = weighted[..., -1].sum(1)
                exponential = torch.where(points.route == ROUTE_DIRECT, direct, exponential)
            sums[a, b] = exponential
            if kind in SERIES:
                linear = slopes * _squares(rows[a], rows[b])
                sums[a, b] = torch.where(series, values[:, 0].sum(1) + linear, exponential)
            if is_flat(kind, points.width == 0 or points.features <= 2, points.features):
                drifts[a, b] = values[:, 1 : 1 + points.features].mT
                continue
            drifts[a, b] = rows[a] * weighted[..., -1:] - weighted[..., :-1]
            if kind == GAUSSIAN:  # the weights were lowered by the level too, but for a series
                other = rows[b].sum(1, keepdim=True)
                lowered = torch.where(series, 0.0, g)[:, None, None]
                drifts[a, b] += lowered * (counts[b] * rows[a] - other)
    own = tuple(1 / (c * (c - 1)) if unbiased else 1 / c**2 for c in counts)
    cross = 1 / (n * m)
    value = own[0] * sums[0, 0] + own[1] * sums[1, 1] - 2 * cross * sums[0, 1]
    if unbiased:  # leave out the diagonal, whose kernel values less the level are known
        value = value - (own[0] * n + own[1] * m) * (scaling.at_zero - g)
    value = value * scaling.value_factor
    factor = (-2 * scaling.weight_factor)[:, None, None]
    grad_x = factor * (own[0] * drifts[0, 0] - cross * drifts[0, 1])
    grad_y = factor * (own[1] * drifts[1, 1] - cross * drifts[1, 0])
    # The kernel saw points rounded to 22 bits, so the value is corrected to first order.
    rounding = (z - stored_points(points, counts)) / scaling.scale.double()[:, None, None]
    value = value + (torch.cat([grad_x, grad_y], 1) * rounding).sum((1, 2))
    return value, grad_x, grad_y


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """sum_ij |a_i - b_j|^2 (B,) from moments."""
    own = b.shape[1] * a.square().sum((1, 2)) + a.shape[1] * b.square().sum((1, 2))
    return own - 2 * (a.sum(1) * b.sum(1)).sum(1)


def _start(n: int, sample: int) -> int:
    """Padded row at which a sample begins."""
    return sample * (n + -n % BLOCK)
