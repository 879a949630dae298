"""Running cells: sample the tasks, fit, predict, score. What a worker process does.

The method is given the training data and the query actions, nothing else; in a worker its code runs
in another process (`isolation/`), which the clock here waits for. Whatever it raises becomes a
record.
"""

from __future__ import annotations

import datetime
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import torch

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.errors import DataError, describe_error, is_out_of_memory, legible, trace_of
from rep4ex_bench.evaluation import diagnose, evaluate
from rep4ex_bench.method import FittedMethod, Method, OracleMethod
from rep4ex_bench.metric import Evaluation, MetricValue
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.records import provenance
from rep4ex_bench.records.kinds import is_failure
from rep4ex_bench.records.predictions import predictions_table
from rep4ex_bench.records.records import Record
from rep4ex_bench.running.isolation.method_process import backend_of
from rep4ex_bench.running.isolation.remote_method import RemoteFitted, RemoteMethod
from rep4ex_bench.running.peak_memory import UNKNOWN, PeakMemory
from rep4ex_bench.running.process_clock import ProcessClock
from rep4ex_bench.running.suite import Cell, canonical_parameters
from rep4ex_bench.scenario import Task
from rep4ex_bench.seeding import derive_seed, method_seed

# One thread per cell, on any machine: sums in another order would be other bits.
CELL_THREADS = 1


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time, CPU seconds of both together, bytes of peak growth."""

    fit_seconds: float = math.nan
    predict_seconds: float = math.nan
    process_seconds: float = math.nan
    peak_memory_bytes: int = UNKNOWN


@dataclass(frozen=True)
class CellResult:
    """Records of a cell, and its predictions if it came that far.

    Of one that failed, `trace` is the traceback as text, `log` the last of what its processes
    printed.
    """

    records: list[Record]
    predictions: pa.Table | None = None
    trace: str = ""
    log: str = ""


@dataclass
class _Progress:
    """What is known so far, for the record of a cell that fails on the way."""

    threads: int = CELL_THREADS
    truth_source: str = ""
    data_hash: str = ""
    device: str = ""
    backend: str = ""
    group_size: int = 1
    cost: Cost = field(default_factory=Cost)


def run_cell(cell: Cell, device: str) -> CellResult:
    """Return the records of a cell; an exception on the way is a record with status "failed"."""
    (result,) = run_cells([cell], device)
    return result


def run_cells(cells: Sequence[Cell], device: str) -> list[CellResult]:
    """Return the records of cells of one method, whose fits are done together.

    Whatever one cell raises is a record of that cell.

    Raises:
        Exception: what `fit_many` itself raises for several cells; they must then be run alone.
    """
    known = [_Progress(threads=torch.get_num_threads()) for _ in cells]
    tasks = [_sample(cell, own, device) for cell, own in zip(cells, known, strict=True)]
    fitted, memory = _fit(cells, tasks, known)
    return [
        _finish(cell, own, task, result, memory)
        for cell, own, task, result in zip(cells, known, tasks, fitted, strict=True)
    ]


def failed_cell(cell: Cell, status: str, error: str) -> CellResult:
    """Return the one record of a cell whose process was ended or died."""
    return CellResult(
        [_record(cell, _Progress(), MetricValue("", math.nan, math.nan, status, error))]
    )


def left_out_cell(cell: Cell) -> CellResult:
    """Return the one record of a cell that is left out of the run.

    Nothing ran anywhere, so it names no machine, no versions and no time.

    Raises:
        ValueError: the cell is to be run.
    """
    if cell.left_out is None:
        raise ValueError(f"a cell that is left out of a run was expected, {cell.key} is to be run")
    (record,) = failed_cell(cell, cell.left_out.status, cell.left_out.reason).records
    nowhere = replace(record, hardware="", versions="", git_commit="", finished_at="")
    return CellResult([nowhere])


def _sample(cell: Cell, known: _Progress, device: str) -> Task | Exception:
    try:
        task = cell.scenario.sample(cell.seed)
        known.truth_source, known.data_hash = task.truth.source, task.train.content_hash()
        known.device = resolve_device(device).type
    except Exception as error:
        return error
    return task


def _fit(
    cells: Sequence[Cell], tasks: Sequence[Task | Exception], known: Sequence[_Progress]
) -> tuple[list[FittedMethod | Exception], PeakMemory]:
    """Fit, under the clock, every cell that has a task; the others keep their exception."""
    found: list[FittedMethod | Exception] = [
        task if isinstance(task, Exception) else RuntimeError("not fitted") for task in tasks
    ]
    sampled = {place: task for place, task in enumerate(tasks) if isinstance(task, Task)}
    memory = PeakMemory()
    if not sampled:
        return found, memory
    seeds = [
        method_seed(cells[place].seed, cells[place].method.name, cells[place].scenario.name)
        for place in sampled
    ]
    method, device = cells[0].method, known[next(iter(sampled))].device
    trains = [task.train for task in sampled.values()]
    if isinstance(method, RemoteMethod):
        try:
            method.open(trains, sys.path)
        except Exception as error:
            return [error if isinstance(t, Task) else t for t in tasks], memory
        memory = PeakMemory(method.process, method.gpu_bytes)
    clock, start = ProcessClock(memory.process), time.perf_counter()
    if isinstance(method, OracleMethod):
        results = [
            _fit_oracle(method, task, seed, device)
            for task, seed in zip(sampled.values(), seeds, strict=True)
        ]
    else:
        results = _fit_together(method, trains, seeds, device)
    _synchronise()
    cost = Cost(
        fit_seconds=(time.perf_counter() - start) / len(sampled),
        process_seconds=clock.seconds() / len(sampled),
    )
    for place, result in zip(sampled, results, strict=True):
        found[place] = result
        known[place].group_size = len(sampled)
        if not isinstance(result, Exception):
            known[place].cost = cost
    return found, memory


def _fit_together(
    method: Method, trains: Sequence[TrainingData], seeds: Sequence[int], device: str
) -> list[FittedMethod | Exception]:
    try:
        results = method.fit_many(trains, seeds, device)
        if len(results) != len(trains):
            raise DataError(
                f"{method.name}.fit_many must return one result per set of training data: "
                f"{len(trains)} expected, got {len(results)}"
            )
    except Exception as error:
        if len(trains) > 1:
            raise
        return [error]
    return results


def _fit_oracle(
    method: OracleMethod, task: Task, seed: int, device: str
) -> FittedMethod | Exception:
    try:
        return method.fit_with_oracle(task.train, task.require_oracle(), seed, device)
    except Exception as error:
        return error


def _finish(
    cell: Cell,
    known: _Progress,
    task: Task | Exception,
    fitted: FittedMethod | Exception,
    memory: PeakMemory,
) -> CellResult:
    """Predict, compute the metrics, then the diagnostics."""
    try:
        if isinstance(task, Exception):
            raise task
        if isinstance(fitted, Exception):
            raise fitted
        prediction = _predict(task, fitted, known, memory)
        evaluation = Evaluation(task, fitted, prediction, derive_seed(cell.seed, "evaluation"))
        values = evaluate(evaluation, cell.judges or cell.metrics)
        values += diagnose(evaluation, cell.diagnostics)
        predictions = predictions_table(cell.key, task, prediction)
    except Exception as error:
        return CellResult([_failure(cell, known, error)], trace=trace_of(error))
    trace = next((one.trace for one in values if is_failure(one.metric, one.status)), "")
    first = _record(cell, known, values[0])
    rest = [_as_well(first, value) for value in values[1:]]
    return CellResult([first, *rest], predictions, trace)


def _predict(task: Task, fitted: FittedMethod, known: _Progress, memory: PeakMemory) -> FloatArray:
    """Predict under the clock; nothing lazy leaves it: the result is a float64 array."""
    known.backend = fitted.backend if isinstance(fitted, RemoteFitted) else backend_of(fitted)
    queries = task.queries.asked()
    clock, start = ProcessClock(memory.process), time.perf_counter()
    prediction = np.array(fitted.predict(queries), dtype=np.float64)
    _synchronise()
    known.cost = Cost(
        fit_seconds=known.cost.fit_seconds,
        predict_seconds=time.perf_counter() - start,
        process_seconds=known.cost.process_seconds + clock.seconds(),
        peak_memory_bytes=memory.bytes(),
    )
    if prediction.shape != task.truth.values.shape:
        raise DataError(
            f"predict must return shape {task.truth.values.shape}, one value per query, "
            f"got {prediction.shape}"
        )
    return prediction


def _synchronise() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _failure(cell: Cell, known: _Progress, error: Exception) -> Record:
    status, text = "failed", describe_error(error)
    if is_out_of_memory(error):
        status = "out_of_memory"
        if (limit := cell.resources.memory_gigabytes) is not None:
            text += f" (memory limit {limit:.3g} GiB)"
    return _record(cell, known, MetricValue("", math.nan, math.nan, status, text))


def _as_well(record: Record, value: MetricValue) -> Record:
    """Return the record of another value of the same cell."""
    return replace(
        record,
        metric=value.metric,
        at=value.at,
        value=value.value,
        status=value.status,
        error=legible(value.error),
    )


def _record(cell: Cell, known: _Progress, value: MetricValue) -> Record:
    return Record(
        suite=cell.suite,
        scenario=cell.scenario.name,
        scenario_label=cell.scenario_label,
        scenario_parameters=canonical_parameters(cell.scenario),
        data_label=cell.scenario.data_label,
        truth_source=known.truth_source,
        method=cell.method.name,
        method_label=cell.method_label,
        method_parameters=canonical_parameters(cell.method),
        role=cell.method.role,
        seed=cell.seed,
        cell_key=cell.key,
        metric=value.metric,
        at=value.at,
        value=value.value,
        status=value.status,
        error=legible(value.error),
        group_size=known.group_size,
        fit_seconds=known.cost.fit_seconds,
        predict_seconds=known.cost.predict_seconds,
        process_seconds=known.cost.process_seconds,
        peak_memory_bytes=known.cost.peak_memory_bytes,
        device=known.device,
        backend=legible(known.backend),
        threads=known.threads,
        hardware=provenance.processor(),
        versions=provenance.versions(),
        git_commit=provenance.git_commit(),
        protocol_version=cell.protocol_version,
        data_hash=known.data_hash,
        finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
