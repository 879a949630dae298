"""PyKeOps fused by hand: one pass gives value and gradient, which autograd cannot know.

For MMR, U = K r is the value's and the gradient's sum. For two samples and HSIC, one reduction over
the columns [w, w y_j] gives row sums of the kernel and of its derivative at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rep4ex_bench.speed.contender import Step
from rep4ex_bench.speed.contenders._keops import KeOps, lazy, lazy_gaussian, lazy_squares
from rep4ex_bench.speed.naive import Residual, least_squares
from rep4ex_bench.speed.workload import BACKWARD, Workload


class FusedKeOps(KeOps):
    """Value and gradient from the same reductions."""

    name = "keops_fused"
    directions = (BACKWARD,)
    batched = False

    def unsupported(self, workload: Workload) -> str | None:
        """One Gaussian only: fusing several is a kernel of its own."""
        if len(workload.bandwidths) > 1 and workload.spec.bandwidths is None:
            return "does not offer several bandwidths"
        return super().unsupported(workload)

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step; KeOps compiles when it is first called."""
        step: Step = self.method_of(workload)(workload, *constants)
        return step

    def mmr_penalty(self, workload: Workload) -> Step:
        """One product with the symbolic kernel gives both."""
        h, residual = workload.bandwidths[0], least_squares(workload.device)
        return lambda phi, a: _penalty(phi, a, h, residual)

    def invariance_penalty(self, workload: Workload, actions: Tensor) -> Step:
        """The same with the actions known beforehand, of which it makes nothing."""
        h, residual = workload.bandwidths[0], least_squares(workload.device)
        return lambda phi: _penalty(phi, actions, h, residual)

    def mmd2(self, workload: Workload) -> Step:
        """One reduction for each pair of samples."""
        return lambda x, y: _two_samples(x, y, workload.bandwidths[0])

    def energy_distance(self, workload: Workload) -> Step:
        """Likewise, by roots."""
        return lambda x, y: _two_samples(x, y, None)

    def hsic(self, workload: Workload) -> Step:
        """Two reductions: row means, then everything else."""
        return lambda x, y: _hsic(x, y, *workload.bandwidths)


def _penalty(phi: Tensor, a: Tensor, h: float, residual: Residual) -> Sequence[Tensor]:
    n = len(a)
    r = residual(phi, a)
    U: Tensor = lazy_gaussian(a, a, h) @ r
    return (r * U).sum() / n**2, residual(U, a) * (2 / n**2)


def _two_samples(x: Tensor, y: Tensor, h: float | None) -> Sequence[Tensor]:
    n, m = len(x), len(y)
    value_xx, slope_xx = _row_sums(x, x, h)
    value_yy, slope_yy = _row_sums(y, y, h)
    value_xy, slope_xy = _row_sums(x, y, h)
    _, slope_yx = _row_sums(y, x, h)
    value = value_xx.sum() / n**2 + value_yy.sum() / m**2 - 2 * value_xy.sum() / (n * m)
    gradient_x = 2 * slope_xx / n**2 - 2 * slope_xy / (n * m)
    return value, gradient_x, 2 * slope_yy / m**2 - 2 * slope_yx / (n * m)


def _row_sums(x: Tensor, y: Tensor, h: float | None) -> tuple[Tensor, Tensor]:
    """sum_j k_ij (n, 1) and its derivative in x_i (n, d): one reduction of 2 + d columns."""
    squares = lazy_squares(x, y)
    if h is None:  # -r and -1 / r; a point has no gradient by itself
        inverse = squares.rsqrt()
        value, weight = -squares * inverse, -inverse
    else:
        value = (-squares / (2 * h**2)).exp()
        weight = value * (-1 / h**2)
    sums: Tensor = value.concat(weight).concat(weight * lazy(y, 1)).sum(1)
    return sums[:, :1], sums[:, 1:2] * x - sums[:, 2:]


def _hsic(x: Tensor, y: Tensor, h_x: float, h_y: float) -> Sequence[Tensor]:
    """Row means first; then K, L and their centred products in one reduction each."""
    n = len(x)
    K, L = lazy_gaussian(x, x, h_x), lazy_gaussian(y, y, h_y)
    means: Tensor = K.concat(L).sum(1) / n
    mean_K, mean_L = means[:, :1].contiguous(), means[:, 1:].contiguous()
    centred_K = K - lazy(mean_K, 0) - lazy(mean_K, 1) + float(mean_K.mean())
    centred_L = L - lazy(mean_L, 0) - lazy(mean_L, 1) + float(mean_L.mean())
    W_x, W_y = K * centred_L, L * centred_K
    weights = W_x.concat(W_y)
    sums: Tensor = weights.concat(W_x * lazy(x, 1)).concat(W_y * lazy(y, 1)).sum(1)
    total_x, total_y = sums[:, :1], sums[:, 1:2]
    moments_x, moments_y = torch.split(sums[:, 2:], [x.shape[1], y.shape[1]], 1)
    gradient_x = (moments_x - total_x * x) * (2 / (n * h_x) ** 2)
    gradient_y = (moments_y - total_y * y) * (2 / (n * h_y) ** 2)
    return total_x.sum() / n**2, gradient_x, gradient_y
