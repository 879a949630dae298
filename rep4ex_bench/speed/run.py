"""`run_kernels`: checks the request, starts the measuring process, returns the records.

Measuring needs an environment that has to be there before the process starts: threads are fixed,
and freed memory stays with the process, so that no contender's time is that of page faults.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cloudpickle
import pandas as pd

from rep4ex_bench.errors import ParameterError, UsageError
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.records.records import read_records
from rep4ex_bench.speed.errors import KernelRunError
from rep4ex_bench.speed.estimates import TARGETS, estimate_records
from rep4ex_bench.speed.folder import SpeedFolder
from rep4ex_bench.speed.measuring import FAILED, Request
from rep4ex_bench.speed.plan import load_contenders
from rep4ex_bench.speed.protocol import PROTOCOLS
from rep4ex_bench.speed.rows import RunFacts
from rep4ex_bench.speed.shapes import workloads
from rep4ex_bench.speed.workload import Workload

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NPROC",  # jax
)
_ENVIRONMENT = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # else jax takes the GPU from the others
    "PYKEOPS_VERBOSE": "0",
}


@dataclass(frozen=True)
class KernelRun:
    """What a run came to.

    Attributes:
        folder: the output folder.
        records: all that it holds, see `rep4ex_bench.records.records`.
        failed: cells whose status is "failed", among the contenders asked for.
    """

    folder: Path
    records: pd.DataFrame
    failed: int


def run_kernels(
    out: str | Path,
    *,
    shapes: str = "reference",
    ops: Sequence[str] = (),
    contenders: Sequence[str] = (),
    device: str = "auto",
    threads: int = 1,
    seed: int = 0,
    work: Sequence[Workload] | None = None,
    estimates: str | None = None,
    progress: bool = True,
) -> KernelRun:
    """Measure the kernels into an output folder, as the command `rep4ex-bench kernels` does.

    Args:
        out: output folder; finished workloads in it are not measured again.
        shapes: set of workloads, "reference", "quick" or "scaling", and how long each is measured.
        ops: only these; empty means all.
        contenders: only these; empty means all.
        device: "auto", "cpu" or "cuda".
        threads: of every contender.
        seed: of inputs and order.
        work: workloads to measure in place of the set's.
        estimates: "sm_80", "sm_90" or "sm_100": also keep what the cost model expects of that GPU
            for the same workloads, without running it.
        progress: whether a line a workload goes to the standard error.

    Raises:
        UsageError: anything asked for that does not exist or fit; nothing was run or written.
        KernelRunError: the measuring itself failed; finished workloads are kept.
    """
    if not hasattr(os, "fork"):
        raise UsageError("kernel runs need a platform with fork (Linux, macOS)")
    if threads < 1:
        raise ParameterError("run_kernels", "threads", "an integer of at least 1", threads)
    chosen = workloads(shapes, resolve_device(device).type, ops) if work is None else list(work)
    available = load_contenders(contenders)
    request = Request(
        tuple(chosen),
        available,
        tuple(dict.fromkeys(contenders)) or tuple(available),
        bool(contenders),
        RunFacts(seed, threads, PROTOCOLS[shapes]),
        Path(out),
    )
    if estimates not in (None, *TARGETS):
        expected = f"one of {', '.join(TARGETS)}"
        raise ParameterError("run_kernels", "estimates", expected, estimates)
    folder = SpeedFolder(request.out, request.facts.hardware)
    if estimates is not None:
        folder.write_estimates(estimates, estimate_records(chosen, estimates, request.facts))
    _measure(request, progress)
    records = read_records(folder.records_file)
    asked = records["method"].isin(request.wanted) & (records["role"] == "method")
    failed = records.loc[asked & (records["status"] == "failed"), "cell_key"].nunique()
    return KernelRun(Path(out), records, failed)


def _measure(request: Request, progress: bool) -> None:
    threads = dict.fromkeys(_THREAD_VARIABLES, str(request.facts.threads))
    done = subprocess.run(
        [sys.executable, "-m", "rep4ex_bench.speed"],
        input=pickle.dumps((sys.path, cloudpickle.dumps(request))),
        env=os.environ | _ENVIRONMENT | threads,
        stdout=subprocess.PIPE,
        stderr=None if progress else subprocess.DEVNULL,
        check=False,
    )
    if done.returncode == FAILED:
        raise KernelRunError(json.loads(done.stdout))
    if done.returncode:
        raise KernelRunError(
            f"the measuring process ended with exit status {done.returncode}; run the same command "
            "again to go on"
        )
