"""What the KeOps contenders share."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

from torch import Tensor

from rep4ex_bench.speed.contenders._by_op import ByOp
from rep4ex_bench.speed.workload import Workload


class KeOps(ByOp):
    """Sums over pairs by PyKeOps, which compiles every formula at its first use."""

    requires: ClassVar[tuple[str, ...]] = ("pykeops",)
    compiles_for_long: ClassVar[bool] = True
    allocates_with_torch: ClassVar[bool] = False

    def compilation(self, workload: Workload) -> str | None:
        """A formula knows the numbers of columns and of bandwidths, and whether it is batched."""
        return (
            f"{self.name} {workload.op} k={workload.k} d={workload.d} h={workload.bandwidths} "
            f"batched={workload.batch > 1} {workload.dtype} {workload.direction} {workload.device}"
        )


def lazy(tensor: Tensor, axis: int) -> Any:
    """Return (..., n, d) as KeOps' symbolic rows (axis 0) or columns (axis 1) of pairs."""
    LazyTensor = importlib.import_module("pykeops.torch").LazyTensor
    return LazyTensor(tensor.unsqueeze(-2 - axis).contiguous() if axis else tensor.unsqueeze(-2))


def lazy_squares(x: Tensor, y: Tensor) -> Any:
    """|x_i - y_j|^2, symbolic."""
    return ((lazy(x, 0) - lazy(y, 1)) ** 2).sum(-1)


def lazy_gaussian(x: Tensor, y: Tensor, h: float) -> Any:
    """Gaussian kernel, symbolic."""
    return (-lazy_squares(x, y) / (2 * h**2)).exp()
