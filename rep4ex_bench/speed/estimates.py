"""What the cost model expects of a GPU that is not here: estimates, never ranked with measurements.

The Triton kernels of a workload are compiled for a target and read by `rep4ex_kernels.offline`; its
predicted time of a pair is multiplied by the pairs that the launches visit (`Op.launches`). An op
without launches is without an estimate, and so is a shape that no case has.
Launches, transfers, preparation and the second stage of reductions are not in it, so where less
than ten microseconds are predicted there is no estimate: those would take longer.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rep4ex_bench.errors import UsageError
from rep4ex_bench.records.records import Record
from rep4ex_bench.speed.rows import RunFacts, estimate_record
from rep4ex_bench.speed.workload import Workload

if TYPE_CHECKING:
    from rep4ex_kernels.offline.case import Case

TARGETS = ("sm_80", "sm_90", "sm_100")
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
    known = [launch for launch in workload.spec.launches(workload) if _case(launch[0], target)]
    each = [pairs * _picoseconds(name, target) * 1e-12 for name, pairs in known]
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
