"""JAX: the naive form, jitted with its gradient for fixed shapes."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from rep4ex_bench.speed.contender import Step, UnsupportedWorkloadError
from rep4ex_bench.speed.contenders._by_op import ByOp
from rep4ex_bench.speed.workload import Workload


class JAX(ByOp):
    """`jax.jit(jax.value_and_grad(...))` of the formula as written.

    The methods named as ops take `jax.numpy`, the bandwidths, then the inputs and the constants.
    """

    name = "jax"
    requires = ("jax", "jaxlib")
    allocates_with_torch = False

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step; XLA compiles when it is first called.

        Raises:
            UnsupportedWorkloadError: jax sees no GPU and the workload is on one.
        """
        jax = importlib.import_module("jax")
        if workload.device == "cuda" and jax.default_backend() != "gpu":
            raise UnsupportedWorkloadError(
                "jax is installed without CUDA; pip install 'jax[cuda13]'"
            )
        if workload.dtype == "float64":
            jax.config.update("jax_enable_x64", True)
        fixed = [jax.dlpack.from_dlpack(constant) for constant in constants]
        run = _jitted(workload)

        def step(*inputs: Tensor) -> Sequence[Any]:
            arrays = [jax.dlpack.from_dlpack(tensor) for tensor in inputs]
            result = jax.block_until_ready(run(*arrays, *fixed))
            return result if workload.needs_gradient else (result,)

        return step

    @staticmethod
    def residualize(np: Any, h: Any, phi: Any, a: Any, cotangent: Any) -> Any:
        """The residual."""
        return _residual(np, phi, a)

    @staticmethod
    def mmr_penalty(np: Any, h: Any, phi: Any, a: Any) -> Any:
        """MMR penalty (...)."""
        r = _residual(np, phi, a)
        return (_gaussian(np, a, a, h[0]) * (r @ np.swapaxes(r, -1, -2))).mean((-2, -1))

    invariance_penalty = mmr_penalty  # the actions come last in either

    @staticmethod
    def mmd2(np: Any, h: Any, x: Any, y: Any) -> Any:
        """MMD^2 (...)."""

        def mean(p: Any, q: Any) -> Any:
            return sum(_gaussian(np, p, q, one).mean((-2, -1)) for one in h) / len(h)

        return mean(x, x) + mean(y, y) - 2 * mean(x, y)

    @staticmethod
    def energy_distance(np: Any, h: Any, x: Any, y: Any) -> Any:
        """Energy distance (...)."""

        def mean(p: Any, q: Any) -> Any:
            squares = ((p[..., :, None, :] - q[..., None, :, :]) ** 2).sum(-1)
            zero = squares == 0  # the root has no derivative there
            return np.where(zero, 0, np.sqrt(np.where(zero, 1, squares))).mean((-2, -1))

        return 2 * mean(x, y) - mean(x, x) - mean(y, y)

    @staticmethod
    def hsic(np: Any, h: Any, x: Any, y: Any) -> Any:
        """Biased HSIC (...)."""
        K, L = _gaussian(np, x, x, h[0]), _gaussian(np, y, y, h[1])
        centred = K - K.mean(-2, keepdims=True) - K.mean(-1, keepdims=True)
        centred = centred + K.mean((-2, -1), keepdims=True)
        return (centred * L).mean((-2, -1))


@functools.cache
def _jitted(workload: Workload) -> Callable[..., Any]:
    jax = importlib.import_module("jax")
    value = functools.partial(JAX().method_of(workload), jax.numpy, workload.bandwidths)
    jitted: Callable[..., Any]
    jitted = jax.jit(_both(jax, workload, value) if workload.needs_gradient else value)
    return jitted


def _both(jax: Any, workload: Workload, value: Callable[..., Any]) -> Callable[..., Any]:
    """Value and gradients; where there is a cotangent, what it is pulled back to."""
    positions = workload.spec.differentiable

    def by_cotangent(first: Any, *others: Any) -> Any:
        result, pull = jax.vjp(lambda x: value(x, *others), first)
        return (result, *pull(others[-1]))

    def scalar(*tensors: Any) -> Any:
        def total(*tensors: Any) -> Any:
            values = value(*tensors)
            return values.sum(), values

        (_, values), gradients = jax.value_and_grad(total, positions, has_aux=True)(*tensors)
        return (values, *gradients)

    return by_cotangent if workload.spec.has_cotangent else scalar


def _residual(np: Any, phi: Any, a: Any) -> Any:
    """By QR, which XLA differentiates and batches; its lstsq takes one problem."""
    Q, _ = np.linalg.qr(np.concatenate([np.ones_like(a[..., :1]), a], -1))
    return phi - Q @ (np.swapaxes(Q, -1, -2) @ phi)


def _squares(np: Any, x: Any, y: Any) -> Any:
    norms = (x**2).sum(-1)[..., :, None] + (y**2).sum(-1)[..., None, :]
    return np.maximum(norms - 2 * x @ np.swapaxes(y, -1, -2), 0)


def _gaussian(np: Any, x: Any, y: Any, h: float) -> Any:
    return np.exp(_squares(np, x, y) / (-2 * h * h))
