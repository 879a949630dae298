"""`torch.linalg.lstsq` and QR, for `residualize`."""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_bench.speed.contender import KernelImplementation, Step
from rep4ex_bench.speed.contenders._autograd import autograd_step
from rep4ex_bench.speed.contenders._naive import residual_by_lstsq
from rep4ex_bench.speed.workload import Workload


class LeastSquares(KernelImplementation):
    """`torch.linalg.lstsq` with its default driver."""

    name = "lstsq"
    ops = ("residualize",)

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""
        return autograd_step(workload, residual_by_lstsq)


class QR(KernelImplementation):
    """phi - Q Q' phi with Q from `torch.linalg.qr` of the design."""

    name = "qr"
    ops = ("residualize",)

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""

        def residual(phi: Tensor, a: Tensor) -> Tensor:
            Q = torch.linalg.qr(torch.cat([torch.ones_like(a[..., :1]), a], -1)).Q
            r: Tensor = phi - Q @ (Q.mT @ phi)
            return r

        return autograd_step(workload, residual)
