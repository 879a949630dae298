"""Reading a user's table: Parquet, CSV or NPZ, as data only. Nothing in a file is ever run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from rep4ex_bench.errors import DataError
from rep4ex_bench.records.parquet import read_parquet

FORMATS = (".parquet", ".csv", ".npz")


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot read data file {path}: {error}") from error


def read_table(path: Path) -> pd.DataFrame:
    """Return the columns of a file, one row an observation.

    Of an NPZ file, an array (n,) is a column of its name, and an array `x` (n, m) is the columns
    `x_0` to `x_{m-1}`.

    Raises:
        DataError: another format, a file that cannot be read as what its name says, two columns of
            one name, or no rows.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".parquet": _read_parquet,
        ".csv": pd.read_csv,
        ".npz": _read_npz,
    }
    if path.suffix.lower() not in readers:
        raise DataError(
            f"data must be one of {', '.join(FORMATS)} by the end of its name, got {path.name!r}"
        )
    try:
        table = readers[path.suffix.lower()](path)
    except DataError:
        raise
    # damaged files make the libraries raise nearly anything
    except Exception as error:
        raise DataError(f"cannot read {path} as {path.suffix[1:]}: {error}") from error
    table.columns = [str(name) for name in table.columns]
    if not table.columns.is_unique:
        twice = sorted(set(table.columns[table.columns.duplicated()]))
        raise DataError(f"{path} has two columns of one name: {', '.join(twice)}: rename one")
    if not len(table):
        raise DataError(f"{path} has no rows")
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    # the metadata that pandas leaves in a file are not followed: only the columns are read
    table = read_parquet(path, DataError)
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def _read_npz(path: Path) -> pd.DataFrame:
    with np.load(path, allow_pickle=False) as arrays:
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise DataError(f"{path} is no NPZ archive: write it with numpy.savez")
        columns: dict[str, np.ndarray] = {}
        for name in arrays.files:
            array = arrays[name]
            if array.ndim not in (1, 2):
                raise DataError(
                    f"arrays of {path} must have 1 or 2 dimensions (rows first), "
                    f"got {name!r} of shape {array.shape}"
                )
            parts = [(name, array)]
            if array.ndim == 2:
                parts = [(f"{name}_{j}", array[:, j]) for j in range(array.shape[1])]
            for column, values in parts:
                if column in columns:
                    raise DataError(f"{path} has two columns of one name: {column}: rename one")
                columns[column] = values
    rows = {name: len(values) for name, values in columns.items()}
    if len(set(rows.values())) > 1:
        raise DataError(f"arrays of {path} must have the same rows, got {rows}")
    return pd.DataFrame(columns)
