"""`torch.linalg.lstsq` and QR, for `residualize`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rep4ex_bench.speed.contender import Contender, Step
from rep4ex_bench.speed.contenders._autograd import autograd_step
from rep4ex_bench.speed.naive import residual_by_lstsq, residual_by_qr, with_ones
from rep4ex_bench.speed.workload import Workload


class LeastSquares(Contender):
    """`torch.linalg.lstsq`: with its default driver on the CPU, with the only one on CUDA.

    On CUDA the gradient is the residual of the cotangent, for the map is a symmetric projection;
    the gradient of the function itself would decompose the design anew.
    """

    name = "lstsq"
    ops = ("residualize",)

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""
        if workload.device == "cpu":
            return autograd_step(workload, residual_by_lstsq)

        def step(phi: Tensor, a: Tensor, cotangent: Tensor) -> Sequence[Tensor]:
            sides = torch.cat([phi, cotangent], -1) if workload.needs_gradient else phi
            design = with_ones(a)
            solution = torch.linalg.lstsq(design, sides, driver="gels").solution
            residual = sides - design @ solution
            return torch.split(residual, phi.shape[-1], -1)

        return step


class QR(Contender):
    """phi - Q Q' phi with Q from `torch.linalg.qr` of the design."""

    name = "qr"
    ops = ("residualize",)

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""
        return autograd_step(workload, residual_by_qr)
