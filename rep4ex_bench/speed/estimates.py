"""What the cost model expects of a GPU that is not here: estimates, never ranked with measurements.

The Triton kernels of a workload are compiled for a target and read by `rep4ex_kernels.offline`; its
predicted time of a pair is multiplied by the pairs that the launches visit:

    mmr_penalty             n^2, for each chunk of 32 columns of the representation
    mmd2, energy_distance   (2 n)^2, likewise for each chunk of d + 1 columns

A shape that no case has is without an estimate, and so is hsic, whose passes differ by form.
Launches, transfers, preparation and the second stage of reductions are not in it, so where less
than ten microseconds are predicted there is no estimate: those would take longer.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rep4ex_bench.errors import UsageError
from rep4ex_bench.records.records import Record
from rep4ex_bench.speed.rows import RunFacts, estimate_record
from rep4ex_bench.speed.workload import Workload

if TYPE_CHECKING:
    from rep4ex_kernels.offline.case import Case

TARGETS = ("sm_80", "sm_90", "sm_100")
_WIDEST = 64  # features of the split form
_NARROWEST = 16
_CHUNK, _MANY_ACTIONS = 32, 32  # columns of weights in one product; half for so many actions
_FLAT, _FLAT_TERMS = 2, 4  # distances of so few features are summed without weights
_SEVERAL = {True: "split squared", False: "split one by one"}
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
    launches = [(name, pairs) for name, pairs in _launches(workload) if _case(name, target)]
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
        per_chunk = _CHUNK if k < _MANY_ACTIONS else _CHUNK // 2
        terms = _power(2 * min(d, per_chunk))
        return [(f"mmr {_form(k)} W={terms} precise", n**2 * math.ceil(d / per_chunk))]
    if workload.op not in ("mmd2", "energy_distance"):
        return []
    pairs = (2 * n) ** 2
    terms = _power(2 * min(d + 1, _CHUNK))
    chunks = math.ceil((d + 1) / _CHUNK)
    if workload.op == "energy_distance":
        if d <= _FLAT:
            return [(f"energy direct d={d} W={_FLAT_TERMS} precise", pairs)]
        return [(f"energy {_form(d)} W={terms} precise", pairs * chunks)]
    kind = "mmd gaussian"
    form = _form(d)
    if len(workload.bandwidths) > 1:
        doubled = all(b == 2 * a for a, b in itertools.pairwise(sorted(workload.bandwidths)))
        kind, form = "mmd gaussians", form.replace("split", _SEVERAL[doubled])
    return [(f"{kind} {form} W={terms} precise", pairs * chunks)]


def _form(features: int) -> str:
    """The form of the distances: one product of a padded width, or differences."""
    width = _power(3 * features + 4)
    return f"split K={width}" if features <= _WIDEST else "direct k=any"


def _power(value: int) -> int:
    """The smallest power of two that is at least 16 and the value."""
    return max(_NARROWEST, 1 << (value - 1).bit_length())


@functools.cache
def _picoseconds(name: str, target: str) -> float:
    """Compile the case of that name and return its predicted time of a pair."""
    from rep4ex_kernels.offline.compiling import compile_case  # noqa: PLC0415
    from rep4ex_kernels.offline.model import ARCHITECTURES, estimate  # noqa: PLC0415

    architecture = ARCHITECTURES[target]
    case = _case(name, target)
    if case is None:
        raise UsageError(f"{name!r}: expected a case of the offline gate for {target}, found none")
    compiled = compile_case(case, target)
    if compiled.code is None:
        raise UsageError(f"no machine code of {name!r} for {target} could be read")
    return estimate(compiled, compiled.code, architecture).picoseconds(architecture)


@functools.cache
def _case(name: str, target: str) -> Case | None:
    from rep4ex_kernels.offline.cases import all_cases  # noqa: PLC0415

    return next((case for case in all_cases(target) if case.name == name), None)
