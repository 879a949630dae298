"""Values and gradients in float64, problem by problem, by the formulas of the op's object."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from rep4ex_bench.speed.problem import Tensors
from rep4ex_bench.speed.workload import Workload


def reference(workload: Workload, constants: Tensors, inputs: Tensors) -> Tensors:
    """Return the value and, where the workload asks for it, the gradients, all float64."""
    tensors = tuple(tensor.to(torch.float64) for tensor in (*inputs, *constants))
    problems = [workload.spec.reference(workload, *one) for one in _problems(workload, tensors)]
    used = problems[0] if workload.needs_gradient else problems[0][:1]
    results = tuple(torch.stack([problem[i] for problem in problems]) for i in range(len(used)))
    return results if workload.batch > 1 else tuple(result[0] for result in results)


def _problems(workload: Workload, tensors: Tensors) -> Iterator[Tensors]:
    if workload.batch == 1:
        yield tensors
        return
    for b in range(workload.batch):
        yield tuple(t[b] if t.dim() == 3 else t for t in tensors)  # constants have no batch
