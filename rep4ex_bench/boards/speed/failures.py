"""Who was asked for a time and gave none: the message of every contender that failed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

_NO_FAILURE = ("ok", "skipped", "missing")


def failures(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Return the rows of a `speed_table` that failed, in the order of the records.

    Each with workload, contender, state ("wrong result", "failed", "timeout", "out of memory") and
    message, whole. What was skipped or is missing is no failure.
    """
    if table.empty:
        return []
    failed = table[~table["state"].isin(_NO_FAILURE)]
    return failed[["workload", "contender", "state", "message"]].to_dict("records")
