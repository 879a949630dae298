"""Runs contenders in child processes and turns whatever happens to them into outcomes.

One child measures workload after workload. If it dies or hangs, or a contender leaves the device
unusable, that contender is out of that workload, a new child is forked, and the workload is
measured again without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from rep4ex_bench.speed.caches import Caches
from rep4ex_bench.speed.children import Child, Death
from rep4ex_bench.speed.compile_ahead import compile_ahead
from rep4ex_bench.speed.contender import Contender
from rep4ex_bench.speed.in_child import (
    MEASURE,
    RATES,
    WAKE,
    answer_first_call,
    answer_rates,
    serve,
)
from rep4ex_bench.speed.measure import Measured
from rep4ex_bench.speed.outcome import Outcome
from rep4ex_bench.speed.protocol import Protocol
from rep4ex_bench.speed.rates import Rates
from rep4ex_bench.speed.workload import Workload

_RATES_SECONDS = 300.0


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
        contenders: dict[str, Contender],
        protocol: Protocol,
        seed: int,
        caches: Caches,
        log: Path,
    ) -> None:
        self._contenders, self._protocol, self._seed = contenders, protocol, seed
        self._caches, self._log = caches, log
        self._child: Child | None = None

    def compile_ahead(self, tasks: Sequence[tuple[Workload, Sequence[str]]]) -> int:
        """Compile for workloads on a GPU if the protocol has it; return how many processes did.

        Args:
            tasks: workloads, each with the names of the contenders that it will be measured with.
        """
        seconds = self._protocol.compile_ahead_seconds
        on_gpu = [
            (workload, [self._contenders[name] for name in names])
            for workload, names in tasks
            if workload.device == "cuda"
        ]
        if seconds is None or not on_gpu:
            return 0
        self._serving().send((WAKE, "cuda"))  # it has the time now
        return compile_ahead(on_gpu, self._seed, self._caches.environment(), self._log, seconds)

    def rates(self, device: str, dtype: str) -> Rates:
        """Calibrate the machine.

        Raises:
            RuntimeError: the measuring process died.
        """
        if device == "cuda":  # initialising the device again would take longer
            child = self._serving()
            child.send((RATES, device, dtype))
            answer = child.receive(_RATES_SECONDS)
        else:
            child = Child(self._log, self._caches.environment(), answer_rates, device, dtype)
            answer = child.receive(_RATES_SECONDS)
            child.close()
        if not isinstance(answer, Rates):
            self._child = None
            raise RuntimeError(
                f"the machine could not be calibrated: {answer.error}; see {self._log}"
            )
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
        child = self._serving()
        child.send((MEASURE, workload, names))
        at_work, seconds = "", self._protocol.compile_limit_seconds
        while True:
            answer = child.receive(seconds)
            if isinstance(answer, Measured):
                return answer
            if isinstance(answer, Outcome):
                self.close()
                return answer
            if isinstance(answer, Death):
                self._child = None
                if not at_work:
                    raise RuntimeError(f"measuring process: {answer.error}; see {self._log}")
                return Outcome(at_work, cast(Any, answer.status), answer.error)
            at_work, seconds = answer

    def _serving(self) -> Child:
        """Return the child that measures, forked if there is none."""
        if self._child is None:
            self._child = Child(
                self._log,
                self._caches.environment(),
                serve,
                self._contenders,
                self._protocol,
                self._seed,
            )
        return self._child

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
                self._log, caches.environment(), answer_first_call, contender, workload, self._seed
            )
            answer = child.receive(self._protocol.compile_limit_seconds)
            child.close()
            if isinstance(answer, Death):
                return Outcome(name, cast(Any, answer.status), f"first call: {answer.error}")
            if isinstance(answer, float):
                caches.keep()
                self._caches.keep_first_call(compilation, answer)
        return cast("float | Outcome", answer)
