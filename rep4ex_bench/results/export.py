"""A table in a format, by their names."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd

from rep4ex_bench.boards.intervals import FEWEST
from rep4ex_bench.errors import UnknownNameError
from rep4ex_bench.results.latex import latex_table
from rep4ex_bench.results.markup import markdown_table
from rep4ex_bench.results.shown import Shown, leaderboard_shown, table_shown

FORMATS = {"csv": ".csv", "markdown": ".md", "latex": ".tex", "json": ".json"}
_CAPTIONS = {
    "leaderboard": "Mean squared error outside the training support over the variance of the truth "
    "(nMSE), medians over seeds; the best in bold, oracles aside.",
    "ranking": "Mean ranks over the scenarios; methods that share a letter are tied.",
    "pairs": "Pairs of methods on the same seeds, p-values with Holm's correction.",
    "cost": "CPU seconds and memory to reach an error outside the training support.",
}


def table_text(records: pd.DataFrame, name: str, table: pd.DataFrame, form: str) -> str:
    """Return a table of `Results` as text of a format, one of `FORMATS`.

    Raises:
        UnknownNameError: no such format.
    """
    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    if form == "csv":
        return str(table.to_csv(index=False))
    if form == "json":
        return _json(table)
    text = _shown(records, name, table)
    if form == "markdown":
        return markdown_table(text)
    caption = _CAPTIONS.get(name, f"{name.capitalize()}.")
    if name == "leaderboard" and not table["nmse_outside_low"].notna().any():
        caption += f" Intervals need {FEWEST} independent seeds."
    return latex_table(text, caption, name)


def _shown(records: pd.DataFrame, name: str, table: pd.DataFrame) -> Shown:
    if name == "leaderboard" and len(table):
        return leaderboard_shown(table, records)
    return table_shown(table)


def _json(table: pd.DataFrame) -> str:
    """Return a list of rows; what is not finite becomes null, other numbers keep every digit."""
    rows = [
        {str(name): _plain(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]
    return json.dumps(rows, indent=1) + "\n"


def _plain(value: Any) -> Any:
    if pd.isna(value) or (isinstance(value, float) and math.isinf(value)):
        return None
    return value.item() if hasattr(value, "item") else value
