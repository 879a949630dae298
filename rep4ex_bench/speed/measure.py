"""The measuring of one workload: every contender checked, then all of them timed, interleaved.

1. Every contender is prepared and called once. Its result is compared with the float64 reference;
   a wrong one is not timed. It is prepared and called again for its memory, everything compiled.
2. A round to warm up, which says how many calls last long enough to be timed.
3. Rounds: the contenders in random order, every call on inputs that no call has seen, outputs
   consumed in the timed region and, all of them or some drawn at random, compared with the
   reference after it. A reference kernel is timed before every round, to show whether the machine
   drifts. Where the protocol limits the seconds of all rounds together, those that come after the
   limit are left out, for all contenders alike.
"""

from __future__ import annotations

import functools
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rep4ex_bench.seeding import derive_seed
from rep4ex_bench.speed.call_pool import CallPool
from rep4ex_bench.speed.clock import (
    Step,
    Timing,
    device_works,
    peak_extra_bytes,
    synchronise,
    time_calls,
)
from rep4ex_bench.speed.contender import Contender, UnsupportedWorkloadError
from rep4ex_bench.speed.drift import drift_reference
from rep4ex_bench.speed.inputs import content_hash
from rep4ex_bench.speed.outcome import Outcome, failure
from rep4ex_bench.speed.outputs import Consumed, consume, judge
from rep4ex_bench.speed.protocol import Protocol
from rep4ex_bench.speed.workload import Workload

CHECK, WARM_UP = "check", "warm-up"
# Called before a contender runs, with its name and the seconds it may take.
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Measured:
    """Outcomes of a workload, timings of the reference kernel, and the hash of the first inputs."""

    outcomes: tuple[Outcome, ...]
    drift: tuple[Timing, ...]
    data_hash: str


class DeviceLostError(Exception):
    """The device no longer answers this process; `outcome` is that of the contender that ran."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


def _unprepared(*_: object) -> Sequence[object]:
    raise RuntimeError("called before it was prepared")


@dataclass
class _Trial:
    """A contender on its way through a workload."""

    contender: Contender
    outcome: Outcome
    step: Step = _unprepared
    calls: int = 1
    spent: float = 0.0
    timings: dict[int, Timing] = field(default_factory=dict)


def measure(
    workload: Workload,
    contenders: Sequence[Contender],
    protocol: Protocol,
    seed: int,
    tell: Tell,
) -> Measured:
    """Measure the contenders of one workload in this process.

    Raises:
        DeviceLostError: a contender left the device in a state in which this process cannot measure
            any other.
    """
    return _Measuring(workload, protocol, seed, tell).run(contenders)


def first_call(workload: Workload, contender: Contender, pool: CallPool) -> tuple[float, Consumed]:
    """Return the seconds of preparing and of the first call, and what it returned."""
    (inputs,) = pool.inputs(CHECK, 1)
    synchronise(workload.device)
    start = time.perf_counter()
    consumed = consume(contender.prepare(workload, *pool.constants)(*inputs))
    synchronise(workload.device)
    return time.perf_counter() - start, consumed


class _Measuring:
    def __init__(self, workload: Workload, protocol: Protocol, seed: int, tell: Tell) -> None:
        self._workload, self._protocol, self._tell = workload, protocol, tell
        own_seed = derive_seed(seed, workload.label)
        self._pool = CallPool(workload, own_seed)
        self._order = random.Random(derive_seed(own_seed, "order"))
        self._checks = random.Random(derive_seed(own_seed, "checks"))
        certain = protocol.rounds if protocol.rounds_seconds is None else protocol.fewest_rounds
        large = workload.pairs > protocol.checked_pairs_of_a_call
        every: set[int | str] = {WARM_UP, *range(protocol.rounds)}
        self._checked_rounds = {self._checks.choice(range(certain))} if large else every
        self._drift_step, self._drift_inputs = drift_reference(workload.device)

    def run(self, contenders: Sequence[Contender]) -> Measured:
        trials = [_Trial(contender, Outcome(contender.name)) for contender in contenders]
        for trial in trials:
            self._guarded(trial, self._start)
        for trial in self._running(trials):
            self._guarded(trial, self._warm_up)
        drift = []
        start = time.monotonic()
        for number in range(self._protocol.rounds):
            if self._time_is_over(number, time.monotonic() - start):
                break
            drift.append(time_calls(self._workload.device, self._drift_step, self._drift_inputs)[0])
            running = self._running(trials)
            for trial in self._order.sample(running, len(running)):
                if self._has_turn(trial):
                    self._guarded(trial, functools.partial(self._round, number))
        first = self._pool.inputs(CHECK, 1)[0]
        return Measured(
            tuple(self._finished(trial) for trial in trials),
            tuple(drift),
            content_hash((*first, *self._pool.constants)),
        )

    def _time_is_over(self, number: int, seconds: float) -> bool:
        limit = self._protocol.rounds_seconds
        return limit is not None and number >= self._protocol.fewest_rounds and seconds > limit

    @staticmethod
    def _running(trials: Sequence[_Trial]) -> list[_Trial]:
        return [trial for trial in trials if trial.outcome.status == "ok"]

    def _guarded(self, trial: _Trial, act: Callable[[_Trial], None]) -> None:
        """Whatever a contender raises is its own outcome, unless the device fails with it."""
        name = trial.contender.name
        try:
            act(trial)
        except UnsupportedWorkloadError as reason:
            trial.outcome = Outcome(name, "skipped", str(reason))
        except Exception as error:
            trial.outcome = failure(name, error)
            if not device_works(self._workload.device):
                raise DeviceLostError(trial.outcome) from error
        if trial.outcome.status != "ok":
            trial.step = _unprepared  # and what it prepared is free

    def _start(self, trial: _Trial) -> None:
        workload, contender = self._workload, trial.contender
        self._tell(contender.name, self._protocol.compile_limit_seconds)
        seconds, consumed = first_call(workload, contender, self._pool)
        self._take_verdict(trial, consumed, CHECK, 0)
        if contender.compilation(workload) is None:
            trial.outcome = replace(trial.outcome, first_call_seconds=seconds)
        del consumed
        if trial.outcome.status == "ok":
            self._call_again(trial)

    def _call_again(self, trial: _Trial) -> None:
        """Prepare and call once more, for the memory of it; and see how long a call is."""
        workload, contender = self._workload, trial.contender
        limit = self._protocol.call_limit_seconds
        # preparing is not limited, only the call is
        self._tell(contender.name, self._protocol.compile_limit_seconds + 10 * limit)
        (inputs,) = self._pool.inputs(CHECK, 1)
        took = 0.0

        def prepare_and_call() -> None:
            nonlocal took
            trial.step = contender.prepare(workload, *self._pool.constants)
            took = time_calls(workload.device, trial.step, [inputs])[0].cost

        peak = peak_extra_bytes(workload.device, prepare_and_call)
        if workload.device == "cpu" or contender.allocates_with_torch:
            trial.outcome = replace(trial.outcome, peak_extra_bytes=peak)
        if took > limit:
            slow = f"a call took {took:.1f} s, more than the {limit:g} s that one may take here"
            trial.outcome = replace(trial.outcome, status="timeout", error=slow)

    def _warm_up(self, trial: _Trial) -> None:
        once = self._timed(trial, WARM_UP, 1)
        needed = math.ceil(self._protocol.shortest_seconds / max(once.cost, 1e-9))
        most = min(self._protocol.most_calls, self._pool.most_calls())
        trial.calls = max(1, min(needed, most))
        if trial.calls > 1:
            self._timed(trial, WARM_UP, trial.calls)

    def _has_turn(self, trial: _Trial) -> bool:
        few = len(trial.timings) < self._protocol.fewest_rounds
        return few or trial.spent < self._protocol.budget_seconds

    def _round(self, number: int, trial: _Trial) -> None:
        timing = self._timed(trial, number, trial.calls)
        trial.timings[number] = timing
        trial.spent += timing.cost * trial.calls

    def _timed(self, trial: _Trial, round_: int | str, calls: int) -> Timing:
        self._tell(trial.contender.name, 60 + 10 * self._protocol.call_limit_seconds * calls)
        pool = self._pool.inputs(round_, calls)
        timing, kept = time_calls(self._workload.device, trial.step, pool)
        for call in self._checked_calls(round_, calls):
            self._take_verdict(trial, kept[call], round_, call)
        return timing

    def _checked_calls(self, round_: int | str, calls: int) -> list[int]:
        if round_ not in self._checked_rounds:
            return []
        pairs = self._workload.pairs
        most = int(self._protocol.checked_pairs / pairs) if pairs else calls
        return self._checks.sample(range(calls), min(calls, max(1, most)))

    def _take_verdict(
        self, trial: _Trial, consumed: Consumed, round_: int | str, call: int
    ) -> None:
        if trial.outcome.status != "ok":
            return
        verdict = judge(self._workload, consumed, self._pool.expected(round_, call))
        before = trial.outcome
        trial.outcome = replace(
            before,
            value_error=_larger(before.value_error, verdict.value_error),
            gradient_error=_larger(before.gradient_error, verdict.gradient_error),
        )
        if verdict.wrong:
            where = f"{round_}, call {call}" if isinstance(round_, str) else f"round {round_}"
            error = f"wrong result: {verdict.wrong} ({where})"
            trial.outcome = replace(trial.outcome, status="failed", error=error)

    @staticmethod
    def _finished(trial: _Trial) -> Outcome:
        ok = trial.outcome.status == "ok"
        return replace(trial.outcome, timings=dict(trial.timings) if ok else {})


def _larger(a: float, b: float) -> float:
    return b if math.isnan(a) else a if math.isnan(b) else max(a, b)
