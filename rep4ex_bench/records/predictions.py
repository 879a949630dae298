"""Predictions at every query of a cell, beside the truth: what metrics were computed from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import RecordsError
from rep4ex_bench.records.parquet import read_parquet, texts_once, to_frame
from rep4ex_bench.scenario import Task

PREDICTION_SCHEMA = pa.schema(
    [
        pa.field("cell_key", pa.string(), nullable=False),
        pa.field("query", pa.int64(), nullable=False),
        pa.field("actions", pa.list_(pa.float64()), nullable=False),
        pa.field("distance", pa.float64(), nullable=False),
        pa.field("path_position", pa.float64(), nullable=False),
        pa.field("truth", pa.float64(), nullable=False),
        pa.field("truth_standard_error", pa.float64(), nullable=False),
        pa.field("prediction", pa.float64(), nullable=False),
    ]
)


def predictions_table(cell_key: str, task: Task, prediction: FloatArray) -> pa.Table:
    """Return one row per query: (q,) predictions beside actions, distance and truth."""
    q = len(prediction)
    columns = [
        [cell_key] * q,
        np.arange(q),
        [row.tolist() for row in task.queries.actions],
        task.queries.distance,
        task.queries.path_position,
        task.truth.values,
        task.truth.standard_errors,
        prediction,
    ]
    arrays = [
        pa.array(column, type=field.type)
        for column, field in zip(columns, PREDICTION_SCHEMA, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=PREDICTION_SCHEMA)


def read_predictions(path: Path) -> pd.DataFrame:
    """Return the predictions of one Parquet file; raises as `read_predictions_table`."""
    frame: pd.DataFrame = read_predictions_table(path).to_pandas()
    return frame


def read_path_predictions(path: Path) -> pd.DataFrame:
    """Return the predictions along paths alone, without actions: what a figure shows.

    Raises as `read_predictions_table`. A file of 100,000 cells fits into memory this way.
    """
    return to_frame(_read(path, lambda rows: texts_once(_on_path(rows))))


def read_predictions_table(path: Path) -> pa.Table:
    """Return the predictions of one Parquet file as an Arrow table.

    Raises:
        RecordsError: no Parquet, or other columns.
    """
    return _read(path, lambda rows: rows)


def _read(path: Path, keep: Callable[[pa.Table], pa.Table]) -> pa.Table:
    def check(file: pq.ParquetFile) -> None:
        if not file.schema_arrow.equals(PREDICTION_SCHEMA):
            raise RecordsError(
                f"{path} holds other columns than predictions have: {file.schema_arrow.names}"
            )

    return read_parquet(
        path,
        lambda problem: RecordsError(f"{path} holds no readable predictions: {problem}"),
        check,
        keep,
    )


def _on_path(rows: pa.Table) -> pa.Table:
    on_path = pc.invert(pc.is_nan(rows["path_position"]))
    return rows.select(["cell_key", "path_position", "truth", "prediction"]).filter(on_path)
