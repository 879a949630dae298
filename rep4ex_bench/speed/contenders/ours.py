"""Ours: what the dispatch picks, each path forced, and the factorised penalty."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from rep4ex_bench.speed.contender import Contender, Step, UnsupportedWorkloadError
from rep4ex_bench.speed.contenders._autograd import autograd_step
from rep4ex_bench.speed.ops import OPS
from rep4ex_bench.speed.workload import Workload
from rep4ex_kernels import InvariancePenalty


def _with(backend: str) -> tuple[str, ...]:
    """Names of the ops whose path can be forced to a backend."""
    return tuple(op.name for op in OPS.values() if backend in op.backends)


class Rep4ExAuto(Contender):
    """`rep4ex_kernels` as it is called: the dispatch picks the path."""

    name = "rep4ex_auto"
    forced: ClassVar[str | None] = None

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step; the invariance penalty is fitted here, as its contract has it."""
        return autograd_step(workload, self._value(workload, *constants))

    def compilation(self, workload: Workload) -> str | None:
        """Numba and Triton compile at first use, for all shapes; torch imports what it needs."""
        return f"rep4ex {workload.op} {workload.dtype} {workload.device} {self.forced}"

    def backend(self, workload: Workload) -> str:
        """Name the forced path."""
        return self.forced or "auto"

    def _value(self, workload: Workload, *constants: Tensor) -> Callable[..., Tensor]:
        return workload.spec.public(workload, *constants, backend=self.forced)


class Rep4ExTorch(Rep4ExAuto):
    """The torch path; for the invariance penalty the path of the fit in torch."""

    name = "rep4ex_torch"
    forced = "torch"
    ops = _with("torch")


class Rep4ExNumba(Rep4ExAuto):
    """The compiled CPU path."""

    name = "rep4ex_numba"
    requires = ("numba",)
    install = "rep4ex-bench[numba]"
    forced = "numba"
    ops = _with("numba")
    dtypes = ("float32",)
    devices = ("cpu",)


class Rep4ExTriton(Rep4ExAuto):
    """The Triton path."""

    name = "rep4ex_triton"
    requires = ("triton",)
    install = "rep4ex-bench[triton]"
    forced = "triton"
    ops = _with("triton")
    dtypes = ("float32",)
    devices = ("cuda",)


class _OneFit(Rep4ExAuto):
    """The invariance penalty with its fit forced to one path."""

    ops = ("invariance_penalty",)
    batched = False

    def _value(self, workload: Workload, *constants: Tensor) -> Callable[..., Tensor]:
        return self._fit(workload, constants[0])

    @abstractmethod
    def _fit(self, workload: Workload, actions: Tensor) -> InvariancePenalty:
        """Fit by the path."""


class Rep4ExFactorised(_OneFit):
    """The factorised penalty, however high the rank must be; refused where the data have no rank.

    The tolerance is the default of the fit.
    """

    name = "rep4ex_factorised"

    def _fit(self, workload: Workload, actions: Tensor) -> InvariancePenalty:
        fitted = InvariancePenalty.fit(
            actions, workload.bandwidths[0], max_rank=min(workload.n, _MOST_RANK)
        )
        if fitted.path != "factorised":
            raise UnsupportedWorkloadError(
                f"rank {fitted.rank} does not reach the tolerance: the kernel has no low rank"
            )
        return fitted

    def backend(self, workload: Workload) -> str:
        """Name the path."""
        return "factorised"


class Rep4ExDense(_OneFit):
    """The same penalty by the dense tiled pass, the projection kept."""

    name = "rep4ex_dense"

    def _fit(self, workload: Workload, actions: Tensor) -> InvariancePenalty:
        return InvariancePenalty.fit(actions, workload.bandwidths[0], max_rank=1)

    def backend(self, workload: Workload) -> str:
        """Name the path."""
        return "dense"


_MOST_RANK = 2048
