"""Inputs of workloads: fresh ones for every call, with seeds of their own.

All are standard normal up to what makes the value differ from zero by more than the noise: the
representation is a smooth nonlinear function of the actions plus noise, y is shifted against x, and
in HSIC it depends on x. The strength of that is drawn for every call, so that no call's value is
that of another. What an op makes of the draws is said by its object (`Op.tensors`).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import torch
from torch import Tensor

from rep4ex_bench.seeding import torch_generator
from rep4ex_bench.speed.problem import Tensors
from rep4ex_bench.speed.workload import Workload


def make_constants(workload: Workload, seed: int) -> Tensors:
    """Return the tensors that a contender may prepare with; empty for most ops."""
    if not workload.spec.constants:
        return ()
    # one set of actions, whatever the batch: they are what does not change
    actions = _normal(replace(workload, batch=1), seed, "constant", columns=workload.k)
    return _on_device((actions,), workload)


def make_inputs(workload: Workload, constants: Tensors, seed: int, *call: int | str) -> Tensors:
    """Return the tensors of one call, named by `call` (say round and number), on the device."""
    generator = torch_generator(seed, "strength", *call)
    strength = float(0.5 + torch.rand((), generator=generator, dtype=torch.float64))
    first = _normal(workload, seed, "first", *call, columns=_first_columns(workload))
    second = _normal(workload, seed, "second", *call, columns=workload.d)
    on_cpu = tuple(constant.cpu() for constant in constants)
    tensors = workload.spec.tensors(workload, on_cpu, first, second, strength)
    return _on_device(tensors, workload)


def content_hash(tensors: Tensors) -> str:
    """SHA-256 of the values."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _first_columns(workload: Workload) -> int:
    return workload.k if workload.spec.has_actions else workload.d


def _normal(workload: Workload, seed: int, *name: int | str, columns: int) -> Tensor:
    leading = (workload.batch,) if workload.batch > 1 else ()
    shape = (*leading, workload.n, columns)
    return torch.randn(shape, generator=torch_generator(seed, *name), dtype=workload.torch_dtype)


def _on_device(tensors: Tensors, workload: Workload) -> Tensors:
    return tuple(tensor.contiguous().to(workload.device) for tensor in tensors)
