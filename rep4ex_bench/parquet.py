"""Reading Parquet files that may be damaged or made to do harm: a table, or one error of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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
