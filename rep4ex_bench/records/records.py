"""The one record schema: tidy, one row per cell and metric value, Parquet in and out.

Files are written atomically (`files.py`) and read as data only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rep4ex_bench.errors import RecordsError
from rep4ex_bench.files import write_bytes
from rep4ex_bench.records.parquet import read_parquet, texts_once, to_frame

SCHEMA_VERSION = 3
# Older schemas that are still read: what each lacks, with the value that says "not recorded".
_LACKING: dict[str, dict[str, float]] = {"2": {"process_seconds": float("nan")}}
READABLE_SCHEMAS = (*map(int, _LACKING), SCHEMA_VERSION)
# Of cells that are left out of a run: empty fields, no failures (`running/applicability.py`).
LEFT_OUT = ("not_applicable", "unavailable")
NO_FAILURE = ("ok", "skipped", *LEFT_OUT)
STATUSES = ("ok", "failed", "timeout", "out_of_memory", "skipped", *LEFT_OUT)
_VERSION_KEY = b"rep4ex_bench.records"


@dataclasses.dataclass(frozen=True)
class Record:
    """One metric value of one cell, with its provenance.

    Attributes:
        suite: name of the suite.
        scenario: registered name; `scenario_label` is unique in the suite.
        scenario_parameters: all of them, canonical JSON.
        data_label: "synthetic" or "semi-synthetic, real features".
        truth_source: "closed form", "Monte Carlo" or "held-out rows".
        method: registered name; `method_label` is unique in the suite.
        method_parameters: all of them, canonical JSON.
        role: "method", "oracle" or "control".
        seed: the suite's seed of the cell.
        cell_key: SHA-256 of everything that can change the cell's numbers.
        metric: name of the metric, "" where the cell failed before any metric or was not run; of a
            diagnostic, its name behind "diagnostic:" (`kinds.py`).
        at: position on the metric's axis (distance from the support), NaN for a scalar.
        value: of the metric, NaN unless status is "ok".
        status: "ok", "failed", "timeout", "out_of_memory" or "skipped"; "not_applicable" or
            "unavailable" for a cell that is left out of the run.
        error: message where status is not "ok".
        group_size: cells whose fits were done together; 1 for a fit alone.
        fit_seconds: wall time of fit; of a group, its time over its size.
        predict_seconds: wall time of predict_do on all queries.
        process_seconds: CPU time of both, all threads together; of a group, fit's over its size.
        peak_memory_bytes: growth of the peak memory during fit and prediction, of the whole group
            up to there; -1 unknown.
        device: where fit ran.
        backend: kernel path that really ran, "" if none.
        threads: intra-operation threads of the worker.
        hardware: processor and GPU.
        versions: of Python and packages, JSON.
        git_commit: of the source tree, "" for a wheel.
        protocol_version: of the suite.
        data_hash: SHA-256 of the training data.
        finished_at: UTC, ISO 8601; "" where nothing ran, like all that says where it did.
    """

    suite: str
    scenario: str
    scenario_label: str
    scenario_parameters: str
    data_label: str
    truth_source: str
    method: str
    method_label: str
    method_parameters: str
    role: str
    seed: int
    cell_key: str
    metric: str
    at: float
    value: float
    status: str
    error: str
    group_size: int
    fit_seconds: float
    predict_seconds: float
    process_seconds: float
    peak_memory_bytes: int
    device: str
    backend: str
    threads: int
    hardware: str
    versions: str
    git_commit: str
    protocol_version: int
    data_hash: str
    finished_at: str


_ARROW = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
RECORD_SCHEMA = pa.schema(
    [pa.field(f.name, _ARROW[str(f.type)], nullable=False) for f in dataclasses.fields(Record)],
    metadata={_VERSION_KEY: str(SCHEMA_VERSION).encode()},
)


def records_table(records: Iterable[Record]) -> pa.Table:
    """Return records as an Arrow table of the schema."""
    rows = [dataclasses.asdict(record) for record in records]
    return pa.Table.from_pylist(rows, schema=RECORD_SCHEMA)


def read_records(path: Path) -> pd.DataFrame:
    """Return the records of one Parquet file.

    Raises:
        RecordsError: no Parquet, or records of a schema version that is not read.
    """
    return to_frame(_read(path, texts_once))


def read_records_table(path: Path) -> pa.Table:
    """Return the records of one Parquet file as an Arrow table; raises as `read_records`."""
    return _read(path, lambda rows: rows)


def _read(path: Path, keep: Callable[[pa.Table], pa.Table]) -> pa.Table:
    return read_parquet(
        path,
        lambda problem: RecordsError(f"{path} holds no readable records: {problem}"),
        keep=lambda rows: keep(_checked(rows, path)),
    )


def _checked(table: pa.Table, path: Path) -> pa.Table:
    """Return records of this version's schema, or raise `RecordsError`."""
    found = (table.schema.metadata or {}).get(_VERSION_KEY, b"none").decode(errors="replace")
    if found in _LACKING:
        table = _upgraded(table, _LACKING[found])
    elif found != str(SCHEMA_VERSION):
        raise RecordsError(
            f"{path} has record schema {found}, this version reads {SCHEMA_VERSION}: "
            "read it with the version that wrote it, or run the suite again in a new folder"
        )
    if not table.schema.equals(RECORD_SCHEMA):
        raise RecordsError(
            f"{path} says record schema {found}, but its columns are not those of it: "
            "the file was edited or damaged"
        )
    return table


def _upgraded(table: pa.Table, lacking: dict[str, float]) -> pa.Table:
    """Return a table with the columns that its schema lacks; another than expected stays wrong."""
    for name, value in lacking.items():
        if name not in table.column_names:
            table = table.append_column(
                RECORD_SCHEMA.field(name), pa.array([value] * len(table), pa.float64())
            )
    if set(table.column_names) != set(RECORD_SCHEMA.names):
        return table
    return table.select(RECORD_SCHEMA.names).replace_schema_metadata(RECORD_SCHEMA.metadata)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table atomically: after a crash there is the old file or the new one, whole.

    Raises:
        OutputWriteError: the disk is full or the folder is gone; an old file stays as it was.
    """
    write_bytes(table_bytes(table), path)


def table_bytes(table: pa.Table) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
