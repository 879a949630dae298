"""Outputs of a contender made into plain tensors inside the timed region, and checked after it.

A checksum of every output is taken before the clock stops. After it, the same outputs are compared
with the float64 reference, and their checksum is taken again: an output that was filled in later,
or that is computed only when it is read, cannot pass as fast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.speed.problem import Tensors
from rep4ex_bench.speed.workload import Workload


@dataclass(frozen=True)
class Consumed:
    """Outputs as plain tensors and their sums, taken when they were handed over."""

    tensors: Tensors
    sums: Tensors


@dataclass(frozen=True)
class Verdict:
    """How far outputs are from the reference, relative in the Euclidean norm.

    Attributes:
        value_error: of the value.
        gradient_error: the largest over the gradients, NaN for "forward".
        wrong: what is wrong with them, "" where nothing is.
    """

    value_error: float
    gradient_error: float
    wrong: str = ""


def consume(outputs: Sequence[Any]) -> Consumed:
    """Return outputs as plain tensors, every element of them read."""
    tensors = tuple(plain(output) for output in outputs)
    return Consumed(tensors, tuple(tensor.sum() for tensor in tensors))


def plain(output: Any) -> Tensor:
    """Return an output as an ordinary strided tensor that holds its values."""
    if type(output) is Tensor and output.layout == torch.strided:
        return output.detach()
    if isinstance(output, Tensor):  # a subclass may compute when it is read: read it
        copy = torch.empty(output.shape, dtype=output.dtype, device=output.device)
        return copy.copy_(output.detach())
    if hasattr(output, "__dlpack__") and not isinstance(output, np.ndarray):
        shared: Tensor = torch.utils.dlpack.from_dlpack(output)
        return shared
    return torch.from_numpy(np.array(output))


def judge(workload: Workload, consumed: Consumed, expected: Tensors) -> Verdict:
    """Compare outputs with the reference's, and with what they were when they were handed over."""
    nothing = Verdict(math.nan, math.nan)
    if len(consumed.tensors) != len(expected):
        return _wrong(nothing, f"{len(expected)} outputs expected, got {len(consumed.tensors)}")
    for tensor, known in zip(consumed.tensors, consumed.sums, strict=True):
        if not torch.equal(tensor.sum(), known) and not bool(known.isnan()):
            return _wrong(nothing, "an output changed after it had been handed over")
    errors = []
    value = consumed.tensors[0]
    if value.numel() == expected[0].numel():  # a value may be (), (1,) or (1, 1)
        value = value.reshape(expected[0].shape)
    for tensor, right in zip((value, *consumed.tensors[1:]), expected, strict=True):
        if tensor.shape != right.shape:
            shapes = f"shape {tuple(right.shape)} expected, got {tuple(tensor.shape)}"
            return _wrong(nothing, shapes)
        difference = tensor.to(right.device, torch.float64) - right
        errors.append(float(difference.norm() / right.norm().clamp_min(1e-300)))
    verdict = Verdict(errors[0], max(errors[1:], default=math.nan))
    tolerances = workload.spec.tolerances[workload.dtype]
    for name, limit, found in zip(
        ("value", "gradient"), tolerances, (errors[:1], errors[1:]), strict=True
    ):
        if not all(error <= limit for error in found):  # a NaN is not below the limit either
            listing = ", ".join(f"{error:.1e}" for error in found)
            return _wrong(verdict, f"relative error of the {name} {listing}, at most {limit:.0e}")
    return verdict


def _wrong(verdict: Verdict, what: str) -> Verdict:
    return Verdict(verdict.value_error, verdict.gradient_error, what)
