"""The contract of a contender, and where contenders are found by name.

A package offers its own through the entry-point group ``rep4ex_bench.contenders``; a
script calls `register_contender`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from torch import Tensor

from rep4ex_bench.errors import Rep4ExBenchError
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.registry import Registry
from rep4ex_bench.speed.ops import OPS
from rep4ex_bench.speed.workload import DEVICES, DIRECTIONS, DTYPES, Workload

Step = Callable[..., Sequence[Any]]


class UnsupportedWorkloadError(Rep4ExBenchError):
    """Raised by `prepare` where only the data tell that a contender does not apply."""


class Contender(Parameterised, ABC):
    """One implementation of some of the ops.

    Attributes:
        name: registered name.
        version: raised when a change may move times or results.
        requires: distributions that it needs besides torch; where one is missing, its rows say so.
        install: what to tell pip then; the extra ``bench`` by default.
        ops, dtypes, directions, devices: what it offers; every op by default.
        batched: whether it takes a leading batch dimension.
        compiles_for_long: its first call takes many seconds; `--quick` leaves it out.
        allocates_with_torch: whether torch's count of CUDA memory sees what it allocates.
    """

    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = "rep4ex-bench[bench]"
    ops: ClassVar[tuple[str, ...]] = tuple(OPS)
    dtypes: ClassVar[tuple[str, ...]] = tuple(DTYPES)
    directions: ClassVar[tuple[str, ...]] = DIRECTIONS
    devices: ClassVar[tuple[str, ...]] = DEVICES
    batched: ClassVar[bool] = True
    compiles_for_long: ClassVar[bool] = False
    allocates_with_torch: ClassVar[bool] = True

    @abstractmethod
    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the function that is timed.

        It takes the op's inputs as tensors of the workload's dtype on its device, and returns the
        value (...) followed by the gradients of its sum (none for "forward"), as tensors or arrays.
        What can be made from the constants alone is made here; it counts in the first call and in
        the memory, not in the rounds.

        Raises:
            UnsupportedWorkloadError: the constants tell that it does not apply.
        """

    def unsupported(self, workload: Workload) -> str | None:
        """Say why the workload is not offered, or return None."""
        offered = (
            (workload.op in self.ops, f"op {workload.op}"),
            (workload.dtype in self.dtypes, workload.dtype),
            (workload.direction in self.directions, f"{workload.direction}: no gradient"),
            (workload.device in self.devices, f"device {workload.device}"),
            (workload.batch == 1 or self.batched, "batches"),
        )
        missing = [what for has, what in offered if not has]
        return f"does not offer {', '.join(missing)}" if missing else None

    def compilation(self, workload: Workload) -> str | None:
        """Name what the first call compiles and other workloads or contenders may find compiled.

        None where the first call in the process of the workload is a first call indeed. Otherwise
        the first call is measured once per name, in a process of its own with empty caches.
        """
        return None

    def backend(self, workload: Workload) -> str:
        """Name the path that runs, "" where there is only one."""
        return ""


T = TypeVar("T", bound=type[Contender])

CONTENDERS: Registry[Contender] = Registry("contender", Contender, "rep4ex_bench.contenders")


def register_contender(cls: T) -> T:
    """Register a `Contender` subclass for this process; usable as a decorator.

    Raises:
        UsageError: not a contender, or its name is taken.
    """
    CONTENDERS.register(cls)
    return cls
