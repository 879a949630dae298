"""What runs inside the children: measuring, first calls, and compiling ahead.

A child of `serve` is asked for rates and for workloads one after the other, so that a GPU is
initialised once for all of them.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

import psutil
import torch

from rep4ex_bench.speed.call_pool import CallPool
from rep4ex_bench.speed.clock import release_memory
from rep4ex_bench.speed.contender import Contender, UnsupportedWorkloadError
from rep4ex_bench.speed.measure import DeviceLostError, first_call, measure
from rep4ex_bench.speed.outcome import Outcome, failure
from rep4ex_bench.speed.protocol import Protocol
from rep4ex_bench.speed.rates import measure_rates, prepare_rates
from rep4ex_bench.speed.workload import DTYPES, Workload

MEASURE, RATES, WAKE = "measure", "rates", "wake"
_MEMORY_SHARE = 0.8  # of what is free, that a contender may take
_IMPORTS = {"scikit-learn": "sklearn"}


def serve(
    connection: Connection,
    contenders: dict[str, Contender],
    protocol: Protocol,
    seed: int,
) -> None:
    """Answer (MEASURE, workload, names) and (RATES, device, dtype) until the requests end.

    (WAKE, device) has no answer: the first use of a GPU takes a process seconds. Before a contender
    gets to work its name and the seconds it may take are sent. An `Outcome` as the answer says that
    its contender left the device unusable, and ends the process.
    """
    torch.set_num_threads(threads())
    gc.collect()
    gc.freeze()  # what is there stays: collecting before a measurement of memory need not see it

    def tell(name: str, seconds: float) -> None:
        connection.send((name, seconds))

    for kind, *asked in _requests(connection):
        if kind == WAKE:
            torch.zeros((), device=asked[0])
            continue
        if kind == RATES:
            connection.send(measure_rates(asked[0], DTYPES[asked[1]]))
            release_memory()
            continue
        workload, names = asked
        _limit_memory(workload.device)
        chosen = [contenders[name] for name in names]
        try:
            answer = measure(workload, chosen, protocol, seed, tell)
        except DeviceLostError as lost:
            connection.send(lost.outcome)
            return
        connection.send(answer)


def answer_rates(connection: Connection, device: str, dtype: str) -> None:
    """Answer with the rates of a device, in a process that has done nothing else."""
    torch.set_num_threads(threads())
    connection.send(measure_rates(device, DTYPES[dtype]))


def compile_rates(connection: Connection) -> None:
    """Compile what the rates of a GPU are measured with, for what it leaves in the caches."""
    torch.set_num_threads(threads())
    prepare_rates(torch.float32)
    connection.send(None)


def answer_first_call(
    connection: Connection, contender: Contender, workload: Workload, seed: int
) -> None:
    """Answer with the seconds of a first call, or with the outcome that it had instead."""
    _wake(workload, [contender])
    answer: float | Outcome
    try:
        answer, _ = first_call(workload, contender, CallPool(workload, seed))
    except UnsupportedWorkloadError as reason:
        answer = Outcome(contender.name, "skipped", str(reason))
    except Exception as error:
        answer = failure(contender.name, error)
    connection.send(answer)


def compile_in_turn(
    connection: Connection,
    contenders: Sequence[Contender],
    workload: Workload,
    seed: int,
) -> None:
    """Make the first calls of contenders for what they leave in the caches.

    Nothing is measured, and what they raise goes to the log: it will come again when it counts.
    """
    _wake(workload, contenders)
    pool = CallPool(workload, seed)
    for contender in contenders:
        try:
            first_call(workload, contender, pool)
        except Exception:
            traceback.print_exc()
    connection.send(None)


def threads() -> int:
    """Return the threads that the environment allows."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def _requests(connection: Connection) -> Iterator[tuple[Any, ...]]:
    with contextlib.suppress(EOFError):
        while True:
            yield connection.recv()


def _wake(workload: Workload, contenders: Sequence[Contender]) -> None:
    """Do what is not part of a first call: import packages, initialise the device."""
    torch.set_num_threads(threads())
    _limit_memory(workload.device)
    for contender in contenders:
        for package in contender.requires:
            with contextlib.suppress(ImportError):  # the call itself will say so
                importlib.import_module(_IMPORTS.get(package, package))
    torch.zeros((), device=workload.device)


def _limit_memory(device: str) -> None:
    """Let an allocation beyond the free memory fail, rather than end the process.

    Not with CUDA, which reserves more addresses than there is memory.
    """
    if device == "cuda":
        return
    used = psutil.Process().memory_info().vms
    free = psutil.virtual_memory().available
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + int(_MEMORY_SHARE * free)
    resource.setrlimit(resource.RLIMIT_AS, (min(limit, hard) if hard > 0 else limit, hard))
