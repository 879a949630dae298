"""Naive torch autograd: the formula as written, n x n matrices and all. The board's reference."""

from __future__ import annotations

from torch import Tensor

from rep4ex_bench.speed.contender import Contender, Step
from rep4ex_bench.speed.contenders._autograd import autograd_step
from rep4ex_bench.speed.workload import Workload


class NaiveTorch(Contender):
    """The formula in torch, gradients by autograd."""

    name = "naive_torch"

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""
        return autograd_step(workload, workload.spec.naive(workload, *constants))
