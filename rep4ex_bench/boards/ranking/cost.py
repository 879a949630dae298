"""End-to-end cost: what it takes to reach a given error outside the support.

    share    = seeds whose nmse_outside is at most the level / all seeds of the scenario
    seconds  = median over these seeds of the CPU seconds of fit and prediction
    expected = CPU seconds of all seeds / number of seeds that reach the level:
               what fits with new seeds cost until one reaches it, were one told which
    memory   = median over these seeds of the peak growth of memory

A cell that failed or is missing never reaches a level. Its seconds are not known: what it used up
is counted as the most that any seed of its method and scenario took. A cell that is left out of the
run is no seed of its method; where all are, the method has no rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from rep4ex_bench.boards.intervals import median_interval
from rep4ex_bench.boards.ranking.scores import Scores, scores
from rep4ex_bench.data import FloatArray

LEVELS = (1.0, 0.3, 0.1, 0.03, 0.01)


def cost_table(records: pd.DataFrame, levels: tuple[float, ...] = LEVELS) -> pd.DataFrame:
    """Return one row per scenario, method and level of nmse_outside.

    Columns: scenario_label, method_label, role, level, seeds, reached (seeds), seconds with
    seconds_low and seconds_high (95 % interval of the median, NaN where fewer than 6 seeds
    reach the level), expected_seconds (infinite where no seed reaches the level), memory_bytes. NaN
    where nothing was measured. Fits that were done together share their seconds evenly; their
    memory is that of the whole group.
    """
    rows = []
    for found in scores(records):
        own = records[records["scenario_label"] == found.scenario]
        for method in found.values.columns:
            rows += _rows(found, own[own["method_label"] == method], str(method), levels)
    columns = ["scenario_label", "method_label", "role", "level", "seeds", "reached", "seconds"]
    columns += ["seconds_low", "seconds_high", "expected_seconds", "memory_bytes"]
    return pd.DataFrame(rows, columns=columns)


def _rows(
    found: Scores, rows: pd.DataFrame, method: str, levels: tuple[float, ...]
) -> list[dict[str, Any]]:
    errors = found.values[method].dropna()
    if errors.empty:
        return []
    seconds = _by_seed(rows, "process_seconds").reindex(errors.index)
    memory = _by_seed(rows, "peak_memory_bytes").reindex(errors.index)
    memory = memory.where(memory >= 0)
    spent = float(seconds.fillna(seconds.max()).sum(skipna=False))
    made = []
    for level in levels:
        reached = errors <= level
        own = seconds[reached].dropna().to_numpy(float)
        low, high = median_interval(own)
        made.append(
            {
                "scenario_label": found.scenario,
                "method_label": method,
                "role": found.roles[method],
                "level": level,
                "seeds": len(errors),
                "reached": int(reached.sum()),
                "seconds": _median(own),
                "seconds_low": low,
                "seconds_high": high,
                "expected_seconds": spent / reached.sum() if reached.any() else math.inf,
                "memory_bytes": _median(memory[reached].dropna().to_numpy(float)),
            }
        )
    return made


def _by_seed(rows: pd.DataFrame, column: str) -> pd.Series:
    """Return what cells that came to an end used, by seed; of repeated cells the most."""
    return rows[rows["status"] == "ok"].groupby("seed")[column].max().astype(float)


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if len(values) else math.nan
