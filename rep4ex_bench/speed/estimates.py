"""What the cost model expects of a GPU that is not here: estimates, never ranked with measurements.

The Triton kernels of a workload are compiled for a target and read by `rep4ex_kernels.offline`; its
predicted time of a pair is multiplied by the pairs that the launches visit:

    mmr_penalty             n^2, for each chunk of 64 columns of the representation
    mmd2, energy_distance   (2 n)^2, likewise for each chunk of d + 1 columns
    hsic                    n^2 for the row sums, and n^2 for each chunk of 32 columns of the widest
                            sample and a one

Launches, transfers, preparation and the second stage of reductions are not in it, so where less
than ten microseconds are predicted there is no estimate: those would take longer.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rep4ex_bench.errors import UsageError
from rep4ex_bench.records import Record
from rep4ex_bench.speed.rows import RunFacts, estimate_record
from rep4ex_bench.speed.workload import Workload

if TYPE_CHECKING:
    from rep4ex_kernels.offline.case import Case

TARGETS = ("sm_80", "sm_90", "sm_100")
_UNROLLED = 2  # up to as many features have a direct form of their own
_WIDEST = 64
_HSIC_WIDTH = 32
_NARROWEST = 16
_SHORTEST = 1e-5


def estimated_seconds(workload: Workload, target: str) -> float | None:
    """Return the predicted seconds of a call, None where the model does not apply.

    Raises:
        UsageError: triton is not installed.
    """
    if importlib.util.find_spec("triton") is None:
        raise UsageError("estimates need triton; pip install 'rep4ex-bench[triton]'")
    if workload.dtype != "float32":
        return None
    launches = _launches(workload)
    each = [pairs * _picoseconds(name, target) * 1e-12 for name, pairs in launches]
    seconds = workload.batch * sum(each)
    return seconds if seconds >= _SHORTEST else None


def estimate_records(workloads: Sequence[Workload], target: str, facts: RunFacts) -> list[Record]:
    """Return a row for each workload that has an estimate; raises as `estimated_seconds`."""
    found = []
    for workload in workloads:
        on_gpu = dataclasses.replace(workload, device="cuda")
        seconds = estimated_seconds(on_gpu, target)
        if seconds is not None:
            found.append(estimate_record(on_gpu, target, seconds, facts))
    return found


def _launches(workload: Workload) -> list[tuple[str, float]]:
    """Names of the compiled cases, and the pairs that each visits, for one problem."""
    n, k, d = workload.n, workload.k, workload.d
    if workload.op == "mmr_penalty":
        return [(f"mmr {_form(k)} W={_width(d)} precise", n**2 * _chunks(d))]
    if workload.op == "hsic":
        widest = max(k, d)
        form = _form(max(widest, _UNROLLED + 1))
        weighted = f"hsic weights {form} W={_HSIC_WIDTH} precise"
        return [
            (f"hsic row sums {form}", n**2),
            (weighted, n**2 * math.ceil((widest + 1) / _HSIC_WIDTH)),
        ]
    if workload.op not in ("mmd2", "energy_distance"):
        return []
    kind = "energy" if workload.op == "energy_distance" else "mmd gaussian"
    if len(workload.bandwidths) > 1:
        kind = "mmd gaussians"
    several = kind == "mmd gaussians" and d <= _UNROLLED  # few features are not unrolled there
    form = "direct k=any" if several else _form(d)
    return [(f"{kind} {form} W={_width(d + 1)} precise", (2 * n) ** 2 * _chunks(d + 1))]


def _form(features: int) -> str:
    """The form of the distances: direct for few features, else products of padded width."""
    if features <= _UNROLLED:
        return f"direct k={features}"
    if features > _WIDEST:
        return "direct k=any"
    return f"split K={max(_NARROWEST, 1 << (features - 1).bit_length())}"


def _width(columns: int) -> int:
    return _WIDEST // 2 if columns <= _WIDEST // 2 else _WIDEST


def _chunks(columns: int) -> int:
    return math.ceil(columns / _WIDEST)


@functools.cache
def _picoseconds(name: str, target: str) -> float:
    """Compile the case of that name and return its predicted time of a pair."""
    from rep4ex_kernels.offline.compiling import compile_case  # noqa: PLC0415
    from rep4ex_kernels.offline.model import ARCHITECTURES, estimate  # noqa: PLC0415

    architecture = ARCHITECTURES[target]
    compiled = compile_case(_case(name, target), target)
    if compiled.code is None:
        raise UsageError(f"no machine code of {name!r} for {target} could be read")
    return estimate(compiled, compiled.code, architecture).picoseconds(architecture)


def _case(name: str, target: str) -> Case:
    from rep4ex_kernels.offline.cases import all_cases  # noqa: PLC0415

    (case,) = [case for case in all_cases(target) if case.name == name]
    return case
