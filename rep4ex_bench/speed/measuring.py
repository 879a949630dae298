"""The measuring process: started by `run_kernels` with the environment that measuring needs.

Run as ``python -m rep4ex_bench.speed``; the request comes pickled through the standard
input. Contenders never run here, only in children, so this process imports no more than they share.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import cloudpickle
import pandas as pd

from rep4ex_bench.errors import Rep4ExBenchError
from rep4ex_bench.speed.bench import Bench
from rep4ex_bench.speed.caches import Caches, shared_folder
from rep4ex_bench.speed.contender import Contender
from rep4ex_bench.speed.floor import floor_seconds
from rep4ex_bench.speed.folder import SpeedFolder
from rep4ex_bench.speed.measure import Measured
from rep4ex_bench.speed.outcome import Outcome
from rep4ex_bench.speed.plan import Entry, plan
from rep4ex_bench.speed.rates import Rates
from rep4ex_bench.speed.rows import (
    RunFacts,
    calibration_records,
    control_records,
    outcome_records,
    rate_prefix,
)
from rep4ex_bench.speed.workload import Workload

FAILED = 3


@dataclass(frozen=True)
class Request:
    """What a run is asked for.

    Attributes:
        workloads: in this order.
        contenders: all that there are, by name.
        wanted: names of those to measure.
        named: whether the user named them, rather than taking all.
        facts: of the run.
        out: its folder.
    """

    workloads: tuple[Workload, ...]
    contenders: dict[str, Contender]
    wanted: tuple[str, ...]
    named: bool
    facts: RunFacts
    out: Path


def main() -> None:
    """Serve the request of the standard input; say on the standard output what went wrong."""
    path, content = pickle.loads(sys.stdin.buffer.read())
    sys.path[:] = path
    try:
        _Measuring(cloudpickle.loads(content)).run()
    except (Rep4ExBenchError, RuntimeError) as error:
        print(json.dumps(str(error)), flush=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(130)


class _Measuring:
    def __init__(self, request: Request) -> None:
        self._request = request
        self._folder = SpeedFolder(request.out, request.facts.hardware)
        self._bench = Bench(
            request.contenders,
            request.facts.protocol,
            request.facts.seed,
            _caches(request),
            request.out / "contenders.log",
        )

    def run(self) -> None:
        try:
            self._compile_ahead()
            for number, workload in enumerate(self._request.workloads, start=1):
                head = f"[{number}/{len(self._request.workloads)}] {workload.label}: "
                start = time.monotonic()
                done = self._measure(workload)
                took = f" in {time.monotonic() - start:.1f} s" if done else "finished before"
                print(head + _told(done) + took, file=sys.stderr, flush=True)
                for outcome in done:
                    if outcome.status not in ("ok", "skipped"):
                        told = f"{outcome.contender}: {outcome.status}: {outcome.error}"
                        print(indent(told, "    "), file=sys.stderr, flush=True)
            self._folder.collect()
        finally:
            self._bench.close()

    def _rates(self, device: str, dtype: str) -> Rates:
        """Return the rates of the folder's machine, measured when first needed."""
        known = self._folder.read_calibration(device, dtype)
        if known is not None:
            return _read_rates(known, dtype)
        rates = self._bench.rates(device, dtype)
        records = calibration_records(device, dtype, rates, self._request.facts)
        self._folder.write_calibration(device, dtype, records)
        return rates

    def _compile_ahead(self) -> None:
        if self._request.facts.protocol.compile_ahead_seconds is None:
            return
        tasks = []
        for workload in self._request.workloads:
            names = [e.contender.name for e in self._to_measure(workload) if not e.reason]
            if names:
                tasks.append((workload, names))
        start = time.monotonic()
        if processes := self._bench.compile_ahead(tasks):
            took = f"{time.monotonic() - start:.1f} s"
            told = f"compiled ahead in {processes} processes in {took}"
            print(told, file=sys.stderr, flush=True)

    def _to_measure(self, workload: Workload) -> list[Entry]:
        """Return the entries of a workload, none if it is finished."""
        found = self._folder.read(workload)
        entries = self._entries(workload, self._request.wanted)
        if found is None:
            return entries
        if {entry.key for entry in entries} <= set(found["cell_key"]):
            return []
        # contenders are compared with each other, so they are timed together
        before = found.loc[found["role"] == "method", "method"].unique()
        return self._entries(workload, (*self._request.wanted, *before))

    def _measure(self, workload: Workload) -> list[Outcome]:
        """Measure a workload unless it is finished; return what came of it, nothing if it was."""
        facts = self._request.facts
        rates = self._rates(workload.device, workload.dtype)
        entries = self._to_measure(workload)
        if not entries:
            return []
        names = [entry.contender.name for entry in entries if not entry.reason]
        measured = self._bench.measure(workload, names) if names else Measured((), (), "")
        outcomes = {outcome.contender: outcome for outcome in measured.outcomes}
        records = control_records(
            workload,
            floor_seconds(workload, rates),
            measured,
            self._folder.drift_count(),
            facts,
        )
        for entry in entries:
            name = entry.contender.name
            outcome = outcomes.get(name, Outcome(name, "skipped", entry.reason))
            outcomes[name] = outcome
            records += outcome_records(
                workload, entry.contender, outcome, entry.key, measured.data_hash, facts
            )
        self._folder.write(workload, records)
        return list(outcomes.values())

    def _entries(self, workload: Workload, names: Iterable[str]) -> list[Entry]:
        request = self._request
        known = {
            name: request.contenders[name]
            for name in dict.fromkeys(names)
            if name in request.contenders
        }
        named = request.wanted if request.named else ()
        return plan(workload, known, named, request.facts)


def _caches(request: Request) -> Caches:
    """The run's own where first calls are measured, those of all runs otherwise."""
    own = request.out / "compiled"
    shared = None if request.facts.protocol.cold_start else shared_folder()
    return Caches(shared or own)


def _told(outcomes: list[Outcome]) -> str:
    statuses = [outcome.status for outcome in outcomes]
    return ", ".join(f"{statuses.count(s)} {s}" for s in dict.fromkeys(sorted(statuses)))


def _read_rates(records: pd.DataFrame, dtype: str) -> Rates:
    values = dict(zip(records["metric"], records["value"], strict=True))
    prefix = rate_prefix(dtype)
    return Rates(**{name: values[prefix + name] for name in Rates.__dataclass_fields__})
