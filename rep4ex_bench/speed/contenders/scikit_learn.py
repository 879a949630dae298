"""scikit-learn's pairwise kernels and linear regression: values only, on the CPU."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel
from torch import Tensor

from rep4ex_bench.speed.contender import Step
from rep4ex_bench.speed.contenders._by_op import ByOp
from rep4ex_bench.speed.workload import FORWARD, Workload

Array = np.ndarray[Any, Any]


class ScikitLearn(ByOp):
    """The formula in NumPy on scikit-learn's building blocks."""

    name = "scikit_learn"
    requires = ("scikit-learn",)
    directions = (FORWARD,)
    devices = ("cpu",)
    batched = False

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""
        value = self.method_of(workload)(workload, *(constant.numpy() for constant in constants))
        return lambda *inputs: (value(*(tensor.numpy() for tensor in inputs)),)

    def residualize(self, workload: Workload) -> Callable[..., Any]:
        """`LinearRegression`; no use for the cotangent."""
        return lambda phi, a, _: _residual(phi, a)

    def mmr_penalty(self, workload: Workload) -> Callable[..., Any]:
        """`rbf_kernel` times the residual."""
        return lambda phi, a: _penalty(phi, a, workload.bandwidths[0])

    def invariance_penalty(self, workload: Workload, actions: Array) -> Callable[..., Any]:
        """The same with the actions known beforehand, of which it makes nothing."""
        return lambda phi: _penalty(phi, actions, workload.bandwidths[0])

    def mmd2(self, workload: Workload) -> Callable[..., Any]:
        """Three times `rbf_kernel` a bandwidth."""
        kernels = [functools.partial(_gaussian, h=h) for h in workload.bandwidths]
        return lambda x, y: np.mean([_two_samples(x, y, kernel) for kernel in kernels])

    def energy_distance(self, workload: Workload) -> Callable[..., Any]:
        """Three times `euclidean_distances`."""
        return lambda x, y: _two_samples(x, y, lambda p, q: -euclidean_distances(p, q))

    def hsic(self, workload: Workload) -> Callable[..., Any]:
        """Two times `rbf_kernel`, one centred."""
        return lambda x, y: _hsic(x, y, *workload.bandwidths)


def _gaussian(x: Array, y: Array, h: float) -> Array:
    kernel: Array = rbf_kernel(x, y, gamma=1 / (2 * h**2))
    return kernel


def _residual(phi: Array, a: Array) -> Array:
    residual: Array = phi - LinearRegression().fit(a, phi).predict(a)
    return residual


def _penalty(phi: Array, a: Array, h: float) -> Any:
    r = _residual(phi, a)
    return (r * (_gaussian(a, a, h) @ r)).sum() / len(a) ** 2


def _two_samples(x: Array, y: Array, kernel: Callable[[Array, Array], Array]) -> Any:
    return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def _hsic(x: Array, y: Array, h_x: float, h_y: float) -> Any:
    K, L = _gaussian(x, x, h_x), _gaussian(y, y, h_y)
    centred = K - K.mean(0) - K.mean(1)[:, None] + K.mean()
    return (centred * L).mean()
