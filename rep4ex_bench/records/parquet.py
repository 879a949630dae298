"""Reading Parquet files that may be damaged or made to do harm: a table, or one error of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rep4ex_bench.errors import Rep4ExBenchError

_ROWS = 200_000  # that are looked at together


def read_parquet(
    source: Path | bytes,
    raised: Callable[[str], Rep4ExBenchError],
    check: Callable[[pq.ParquetFile], None] = lambda _: None,
    keep: Callable[[pa.Table], pa.Table] = lambda rows: rows,
) -> pa.Table:
    """Return the table in a file, every value of it checked to be one of its column's type.

    Args:
        source: a file, or its content.
        raised: makes the error from what was wrong.
        check: is given the opened file before it is read.
        keep: is given some rows after the other, and returns what is wanted of them.

    Raises:
        Rep4ExBenchError: what `raised` makes; and what `check` raises.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source)
        check(file)
        parts = []
        for batch in file.iter_batches(_ROWS):
            rows = pa.Table.from_batches([batch])
            rows.validate(full=True)
            parts.append(keep(rows))
        table = pa.concat_tables(parts) if parts else keep(file.schema_arrow.empty_table())
    except Rep4ExBenchError:
        raise
    # damaged bytes make the library raise nearly anything (a fuzzer saw UnicodeDecodeError)
    except Exception as error:
        raise raised(str(error) or type(error).__name__) from error
    return table


def texts_once(table: pa.Table) -> pa.Table:
    """Return a table whose columns of texts hold each text once, and its number in each row."""
    columns = [
        column.dictionary_encode() if pa.types.is_string(column.type) else column
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a data frame of a table of `texts_once`.

    Texts are Python's, each one object for all of its rows. A million and more records, which
    repeat long texts, take a quarter of the memory of the library's own conversion.
    """
    whole = table.unify_dictionaries()
    columns = {name: _series(whole[name]) for name in whole.column_names}
    return pd.DataFrame(columns, copy=False)


def _series(column: pa.ChunkedArray) -> pd.Series:
    if not pa.types.is_dictionary(column.type):
        series: pd.Series = column.to_pandas()
        return series
    if column.num_chunks == 0:
        return pd.Series([], dtype=object)
    texts = np.array([*column.chunk(0).dictionary.to_pylist(), None], dtype=object)
    # a missing text has no number; -1 is the last, None
    numbers = [chunk.indices.fill_null(-1).to_numpy() for chunk in column.chunks]
    return pd.Series(texts[np.concatenate(numbers)], dtype=object)
