"""Running one cell: sample the task, fit, predict, judge. What a worker process does.

The method is given the training data and the query actions, nothing else. Whatever it raises
becomes a record.
"""

from __future__ import annotations

import datetime
import math
import time
import traceback
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import torch

from rep4ex_bench import provenance
from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError, Rep4ExBenchError
from rep4ex_bench.evaluation import Evaluation, MetricValue, evaluate
from rep4ex_bench.method import FittedMethod, OracleMethod, resolve_device
from rep4ex_bench.peak_memory import UNKNOWN, PeakMemory
from rep4ex_bench.predictions import predictions_table
from rep4ex_bench.records import Record
from rep4ex_bench.scenario import Task
from rep4ex_bench.seeding import derive_seed
from rep4ex_bench.suite import Cell, canonical_parameters

# One thread per cell, on any machine: sums in another order would be other bits.
CELL_THREADS = 1


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time and bytes of peak growth."""

    fit_seconds: float = math.nan
    predict_seconds: float = math.nan
    peak_memory_bytes: int = UNKNOWN


@dataclass(frozen=True)
class CellResult:
    """Records of a cell, and its predictions if it came that far."""

    records: list[Record]
    predictions: pa.Table | None = None


@dataclass
class _Progress:
    """What is known so far, for the record of a cell that fails on the way."""

    threads: int = CELL_THREADS
    truth_source: str = ""
    data_hash: str = ""
    device: str = ""
    backend: str = ""
    cost: Cost = field(default_factory=Cost)


def run_cell(cell: Cell, device: str) -> CellResult:
    """Return the records of a cell; an exception on the way is a record with status "failed"."""
    known = _Progress(threads=torch.get_num_threads())
    try:
        task = cell.scenario.sample(cell.seed)
        known.truth_source, known.data_hash = task.truth.source, task.train.content_hash()
        known.device = resolve_device(device).type
        fitted, prediction = _fit_and_predict(cell, task, known)
        values = evaluate(
            Evaluation(task, fitted, prediction, derive_seed(cell.seed, "evaluation")),
            list(cell.metrics),
        )
        predictions = predictions_table(cell.key, task, prediction)
    except MemoryError as error:
        return CellResult([_failure(cell, known, "out_of_memory", error)])
    except Exception as error:
        return CellResult([_failure(cell, known, _status_of(error), error)])
    return CellResult([_record(cell, known, value) for value in values], predictions)


def failed_cell(cell: Cell, status: str, error: str) -> CellResult:
    """Return the one record of a cell whose process was ended or died."""
    return CellResult(
        [_record(cell, _Progress(), MetricValue("", math.nan, math.nan, status, error))]
    )


def _fit_and_predict(cell: Cell, task: Task, known: _Progress) -> tuple[FittedMethod, FloatArray]:
    """Fit and predict under the clock; nothing lazy leaves it: the result is a float64 array."""
    seed = derive_seed(cell.seed, "method", cell.method.name, cell.scenario.name)
    memory = PeakMemory()
    start = time.perf_counter()
    if isinstance(cell.method, OracleMethod):
        fitted = cell.method.fit_with_oracle(task.train, task.oracle, seed, known.device)
    else:
        fitted = cell.method.fit(task.train, seed, known.device)
    _synchronise()
    fit_end = time.perf_counter()
    known.cost = Cost(fit_end - start)
    known.backend = str(fitted.diagnostics.get("backend", ""))
    actions = torch.from_numpy(task.queries.actions).to(torch.float32)
    prediction = np.array(fitted.predict_do(actions), dtype=np.float64)
    _synchronise()
    known.cost = Cost(fit_end - start, time.perf_counter() - fit_end, memory.bytes())
    if prediction.shape != task.truth.values.shape:
        raise DataError(
            f"predict_do must return shape {task.truth.values.shape}, one value per query, "
            f"got {prediction.shape}"
        )
    return fitted, prediction


def _synchronise() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _status_of(error: Exception) -> str:
    return "out_of_memory" if isinstance(error, torch.OutOfMemoryError) else "failed"


def _failure(cell: Cell, known: _Progress, status: str, error: BaseException) -> Record:
    if isinstance(error, Rep4ExBenchError):
        message = str(error)
    else:  # where it happened matters only for errors that nobody wrote for the reader
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{last.filename.rpartition('/')[2]}:{last.lineno} in {last.name}"
        message = f"{type(error).__name__}: {error} ({place})"
    return _record(cell, known, MetricValue("", math.nan, math.nan, status, message))


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
        error=value.error,
        fit_seconds=known.cost.fit_seconds,
        predict_seconds=known.cost.predict_seconds,
        peak_memory_bytes=known.cost.peak_memory_bytes,
        device=known.device,
        backend=known.backend,
        threads=known.threads,
        hardware=provenance.processor(),
        versions=provenance.versions(),
        git_commit=provenance.git_commit(),
        protocol_version=cell.protocol_version,
        data_hash=known.data_hash,
        finished_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
