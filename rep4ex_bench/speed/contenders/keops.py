"""PyKeOps as a user writes it: symbolic kernels, gradients by its autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from rep4ex_bench.speed.contender import Step
from rep4ex_bench.speed.contenders._autograd import autograd_step
from rep4ex_bench.speed.contenders._keops import KeOps, lazy_gaussian, lazy_squares
from rep4ex_bench.speed.naive import Residual, least_squares
from rep4ex_bench.speed.workload import Workload


class PlainKeOps(KeOps):
    """LazyTensor formulas."""

    name = "keops"

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step; KeOps compiles when it is first called."""
        return autograd_step(workload, self.method_of(workload)(workload, *constants))

    def mmr_penalty(self, workload: Workload) -> Callable[..., Tensor]:
        """One product with the symbolic kernel."""
        h, residual = workload.bandwidths[0], least_squares(workload.device)
        return lambda phi, a: _penalty(phi, a, h, residual)

    def invariance_penalty(self, workload: Workload, actions: Tensor) -> Callable[..., Tensor]:
        """The same with the actions known beforehand, of which it makes nothing."""
        h, residual = workload.bandwidths[0], least_squares(workload.device)
        return lambda phi: _penalty(phi, actions, h, residual)

    def mmd2(self, workload: Workload) -> Callable[..., Tensor]:
        """Three sums a bandwidth."""
        h = workload.bandwidths
        return _two_samples(lambda x, y: [lazy_gaussian(x, y, one) for one in h])

    def energy_distance(self, workload: Workload) -> Callable[..., Tensor]:
        """Three sums of roots."""
        return _two_samples(lambda x, y: [-(lazy_squares(x, y).sqrt())])

    def hsic(self, workload: Workload) -> Callable[..., Tensor]:
        """Row sums of both kernels and of their product."""
        return lambda x, y: _hsic(x, y, *workload.bandwidths)


def _penalty(phi: Tensor, a: Tensor, h: float, residual: Residual) -> Tensor:
    a = a.expand(*phi.shape[:-1], -1)
    r = residual(phi, a)
    product: Tensor = lazy_gaussian(a, a, h) @ r
    return (r * product).sum((-2, -1)) / r.shape[-2] ** 2


def _two_samples(kernels: Callable[[Tensor, Tensor], list[Any]]) -> Callable[..., Tensor]:
    def mean(x: Tensor, y: Tensor) -> Tensor:
        terms = kernels(x, y)
        sums: list[Tensor] = [_sum_over_columns(term, x).sum((-2, -1)) for term in terms]
        return sum(sums[1:], sums[0]) / (len(terms) * x.shape[-2] * y.shape[-2])

    return lambda x, y: mean(x, x) + mean(y, y) - 2 * mean(x, y)


def _hsic(x: Tensor, y: Tensor, h_x: float, h_y: float) -> Tensor:
    n = x.shape[-2]
    K, L = lazy_gaussian(x, x, h_x), lazy_gaussian(y, y, h_y)
    rows_K, rows_L = _sum_over_columns(K, x), _sum_over_columns(L, x)
    joint = _sum_over_columns(K * L, x).sum((-2, -1))
    cross = (rows_K * rows_L).sum((-2, -1))
    product = rows_K.sum((-2, -1)) * rows_L.sum((-2, -1))
    return joint / n**2 - 2 * cross / n**3 + product / n**4


def _sum_over_columns(kernel: Any, x: Tensor) -> Tensor:
    """Row sums (..., n, 1) of a symbolic kernel over the second axis of pairs."""
    sums: Tensor = kernel.sum(x.dim() - 1)
    return sums
