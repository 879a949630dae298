"""Runs contenders in child processes and turns whatever happens to them into outcomes.

One child measures workload after workload. If it dies or hangs, the contender that was at work is
out of that workload, a new child is forked, and the workload is measured again without it.
"""

from __future__ import annotations

import importlib
import os
import resource
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import psutil
import torch

from rep4ex_bench.speed.caches import Caches
from rep4ex_bench.speed.call_pool import CallPool
from rep4ex_bench.speed.children import Child, Death
from rep4ex_bench.speed.contender import KernelImplementation, UnsupportedWorkloadError
from rep4ex_bench.speed.measure import Measured, first_call, measure
from rep4ex_bench.speed.outcome import Outcome, failure
from rep4ex_bench.speed.protocol import Protocol
from rep4ex_bench.speed.rates import Rates, measure_rates
from rep4ex_bench.speed.workload import DTYPES, Workload

_MEMORY_SHARE = 0.8  # of what is free, that a contender may take
_RATES_SECONDS = 300.0
_IMPORTS = {"scikit-learn": "sklearn"}


class Bench:
    """Measures workloads with the contenders it was given, in child processes.

    Args:
        contenders: by name; only they can be asked for.
        protocol: of the run.
        seed: of the run.
        caches: of the run.
        log: where children write.
    """

    def __init__(
        self,
        contenders: dict[str, KernelImplementation],
        protocol: Protocol,
        seed: int,
        caches: Caches,
        log: Path,
    ) -> None:
        self._contenders, self._protocol, self._seed = contenders, protocol, seed
        self._caches, self._log = caches, log
        self._child: Child | None = None

    def rates(self, device: str, dtype: str) -> Rates:
        """Calibrate the machine.

        Raises:
            RuntimeError: the measuring process died.
        """
        child = Child(self._log, self._caches.environment(), _rates_main, device, dtype)
        answer = child.receive(_RATES_SECONDS)
        child.close()
        if not isinstance(answer, Rates):
            raise RuntimeError(f"the machine could not be calibrated: {answer}; see {self._log}")
        return answer

    def measure(self, workload: Workload, names: Sequence[str]) -> Measured:
        """Measure a workload; every contender asked for has an outcome."""
        out: dict[str, Outcome] = {}
        first_calls: dict[str, float] = {}
        for name in names:
            seconds = self._cold_start(workload, name)
            if isinstance(seconds, Outcome):
                out[name] = seconds
            elif seconds is not None:
                first_calls[name] = seconds
        while True:
            left = [name for name in names if name not in out]
            answer = self._measure_in_child(workload, left)
            if isinstance(answer, Measured):
                break
            out[answer.contender] = answer
        for outcome in answer.outcomes:
            if outcome.contender in first_calls:
                seconds = first_calls[outcome.contender]
                out[outcome.contender] = replace(outcome, first_call_seconds=seconds)
            else:
                out[outcome.contender] = outcome
        return replace(answer, outcomes=tuple(out[name] for name in names))

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def _measure_in_child(self, workload: Workload, names: list[str]) -> Measured | Outcome:
        """Return what was measured, or the outcome of the contender that ended the child."""
        if self._child is None:
            self._child = Child(
                self._log,
                self._caches.environment(),
                _measure_main,
                self._contenders,
                self._protocol,
                self._seed,
            )
        self._child.send((workload, names))
        at_work, seconds = "", self._protocol.compile_limit_seconds
        while True:
            answer = self._child.receive(seconds)
            if isinstance(answer, Measured):
                return answer
            if isinstance(answer, Death):
                self._child = None
                if not at_work:
                    raise RuntimeError(f"measuring process: {answer.error}; see {self._log}")
                return Outcome(at_work, cast(Any, answer.status), answer.error)
            at_work, seconds = answer

    def _cold_start(self, workload: Workload, name: str) -> float | Outcome | None:
        """Return the seconds of a first call with empty caches, None where that is not needed."""
        contender = self._contenders[name]
        compilation = contender.compilation(workload)
        if compilation is None or not self._protocol.cold_start:
            return None
        known = self._caches.first_call(compilation)
        if known is not None:
            return known
        with self._caches.empty() as caches:
            child = Child(
                self._log, caches.environment(), _cold_main, contender, workload, self._seed
            )
            answer = child.receive(self._protocol.compile_limit_seconds)
            child.close()
            if isinstance(answer, Death):
                return Outcome(name, cast(Any, answer.status), f"first call: {answer.error}")
            if isinstance(answer, float):
                caches.keep()
                self._caches.keep_first_call(compilation, answer)
        return cast("float | Outcome", answer)


def _measure_main(
    connection: Connection,
    contenders: dict[str, KernelImplementation],
    protocol: Protocol,
    seed: int,
) -> None:
    torch.set_num_threads(threads())
    while True:
        try:
            workload, names = connection.recv()
        except EOFError:
            return
        _limit_memory(workload.device)
        chosen = [contenders[name] for name in names]
        tell = lambda *message: connection.send(message)  # noqa: E731
        connection.send(measure(workload, chosen, protocol, seed, tell))


def _cold_main(
    connection: Connection, contender: KernelImplementation, workload: Workload, seed: int
) -> None:
    torch.set_num_threads(threads())
    _limit_memory(workload.device)
    answer: float | Outcome
    try:
        for package in contender.requires:  # importing is not part of the call
            importlib.import_module(_IMPORTS.get(package, package))
        torch.zeros((), device=workload.device)  # nor is waking the device
        answer, _ = first_call(workload, contender, CallPool(workload, seed))
    except UnsupportedWorkloadError as reason:
        answer = Outcome(contender.name, "skipped", str(reason))
    except Exception as error:
        answer = failure(contender.name, error)
    connection.send(answer)


def _rates_main(connection: Connection, device: str, dtype: str) -> None:
    torch.set_num_threads(threads())
    connection.send(measure_rates(device, DTYPES[dtype]))


def threads() -> int:
    """Return the threads that the environment allows."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


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
