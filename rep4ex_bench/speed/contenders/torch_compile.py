"""`torch.compile` of the naive form, for fixed shapes."""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_bench.speed.contender import Contender, Step
from rep4ex_bench.speed.contenders._autograd import autograd_step
from rep4ex_bench.speed.workload import Workload

_MOST_SHAPES = 1000  # a process meets more shapes than torch's limit, made for training loops


class TorchCompile(Contender):
    """The naive form compiled by Inductor."""

    name = "torch_compile"
    compiles_for_long = True

    def prepare(self, workload: Workload, *constants: Tensor) -> Step:
        """Return the step."""
        torch._dynamo.config.recompile_limit = _MOST_SHAPES
        compiled = torch.compile(workload.spec.naive(workload, *constants), dynamic=False)
        return autograd_step(workload, compiled)

    def compilation(self, workload: Workload) -> str | None:
        """Shapes are compiled in, and kept on the disk."""
        return f"torch_compile {workload.label}"
