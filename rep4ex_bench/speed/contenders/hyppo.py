"""hyppo's energy statistic: value only, on the CPU.

Its HSIC and MMD are normalised like a correlation and do not contain the value, so they are no
implementation of ours. Its biased energy statistic is a square root before scaling, which is
undone here.
"""

from __future__ import annotations

import importlib

from torch import Tensor

from rep4ex_bench.speed.contender import Contender, Step
from rep4ex_bench.speed.workload import FORWARD, Workload

_NORMALISED = ("mmd2", "hsic")


class Hyppo(Contender):
    """`hyppo.ksample.Energy(bias=True)`."""

    name = "hyppo"
    requires = ("hyppo",)
    ops = ("energy_distance",)
    directions = (FORWARD,)
    devices = ("cpu",)
    batched = False

    def unsupported(self, workload: Workload) -> str | None:
        """Say why; the normalised statistics have a reason of their own."""
        if workload.op in _NORMALISED:
            return f"its {workload.op} is normalised and does not give the value"
        return super().unsupported(workload)

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""
        test = importlib.import_module("hyppo.ksample").Energy(bias=True)
        # with n = m rows: statistic = scale root(dcov), energy distance = scale dcov
        scale = (2 * workload.n) ** 4 / (2 * workload.n**4)
        # its compiled sums take float64 only
        return lambda x, y: (test.statistic(x.double().numpy(), y.double().numpy()) ** 2 / scale,)
