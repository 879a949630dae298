"""What a record is of: a metric, or a diagnostic, which is no score and makes no cell a failed one.

Both are rows of one schema. The column `metric` of a diagnostic's row begins with "diagnostic:".
"""

from __future__ import annotations

import pandas as pd

from rep4ex_bench.records.records import NO_FAILURE

DIAGNOSTIC = "diagnostic:"


def is_failure(metric: str, status: str) -> bool:
    """Say whether a record makes its cell one that failed, or that has a metric that did."""
    return status not in NO_FAILURE and not metric.startswith(DIAGNOSTIC)


def failures(records: pd.DataFrame) -> pd.Series:
    """Return the mask of the records of which `is_failure` holds."""
    return ~records["status"].isin(NO_FAILURE) & ~_of_diagnostics(records)


def without_diagnostics(records: pd.DataFrame) -> pd.DataFrame:
    """Return the records of metrics, and of cells that have none."""
    mask = _of_diagnostics(records)
    return records[~mask] if mask.any() else records


def diagnostics_of(records: pd.DataFrame) -> pd.DataFrame:
    """Return the records of diagnostics, with `metric` being the diagnostic's name."""
    found = records[_of_diagnostics(records)]
    return found.assign(metric=found["metric"].str.removeprefix(DIAGNOSTIC))


def _of_diagnostics(records: pd.DataFrame) -> pd.Series:
    # by name: a run has millions of records and a dozen names
    names = [name for name in records["metric"].unique() if str(name).startswith(DIAGNOSTIC)]
    return records["metric"].isin(names)
