"""Speed records as they are looked at here: workloads, contenders, seconds by round."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import RecordsError

CALIBRATION = "calibration"
ESTIMATE = "static_estimate"
FLOOR = "floor"
DRIFT_REFERENCE = "drift_reference"
CLOCKS = {"process_seconds": "process time", "wall_seconds": "wall time"}
_SIZES = ("op", "n", "k", "d", "batch", "dtype", "direction", "device")


@dataclass(frozen=True)
class Workload:
    """What is computed, and the clock by which its contenders are ranked.

    Attributes:
        label: unique in the run.
        op: name of the operation.
        n: rows of a sample.
        family: the workload but for n; one scaling curve belongs to it.
        kind: op, dtype, direction and device.
        pairs: kernel evaluations of the formula, NaN where the op has none.
        clock: "process_seconds" on one CPU thread, else "wall_seconds": process time counts every
            thread and says nothing about a GPU.
    """

    label: str
    op: str
    n: int
    family: str
    kind: str
    pairs: float
    clock: str


def read_workload(row: pd.Series) -> Workload:
    """Return the workload of a record.

    Raises:
        RecordsError: its scenario_parameters are not those of a workload.
    """
    label = str(row["scenario_label"])
    try:
        found = json.loads(row["scenario_parameters"])
        sizes = {name: found.pop(name) for name in _SIZES}
        pairs = float(found.pop("pairs", None) or math.nan)
        n = int(sizes["n"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordsError(
            f"workload {label!r}: scenario_parameters must be JSON with {', '.join(_SIZES)}, got "
            f"{row['scenario_parameters']!r} ({error!r}); records of accuracy runs have no "
            "speed board"
        ) from error
    shape = [f"{name}={sizes[name]}" for name in ("k", "d", "batch") if sizes[name]]
    others = [_option(name, value) for name, value in sorted(found.items()) if value != []]
    kind = [str(sizes[name]) for name in ("op", "dtype", "direction", "device")]
    on_one_thread = str(sizes["device"]).startswith("cpu") and int(row["threads"]) == 1
    return Workload(
        label=label,
        op=kind[0],
        n=n,
        family=" ".join([kind[0], *shape, *others, *kind[1:]]),
        kind=" ".join(kind),
        pairs=pairs,
        clock="process_seconds" if on_one_thread else "wall_seconds",
    )


def _option(name: str, value: object) -> str:
    """Return "h=1,2.5" for bandwidths, "name=value" for what only one op has."""
    short = {"bandwidths": "h"}.get(name, name)
    values = value if isinstance(value, list) else [value]
    return f"{short}={','.join(map(str, values))}"


def workloads(records: pd.DataFrame) -> list[Workload]:
    """Return the workloads that contenders were measured on, in the order of the records."""
    rows = contender_rows(records).drop_duplicates("scenario_label")
    return [read_workload(row) for _, row in rows.iterrows()]


def contender_rows(records: pd.DataFrame) -> pd.DataFrame:
    """Return the records of contenders: no floor, no reference, no estimate, no calibration."""
    return records[records["role"] == "method"]


def seconds_by_round(rows: pd.DataFrame, clock: str) -> dict[str, pd.Series]:
    """Return per method label the seconds of its good rounds, indexed by round.

    Args:
        rows: records of one workload.
        clock: "process_seconds" or "wall_seconds".
    """
    good = rows[(rows["metric"] == clock) & (rows["status"] == "ok") & (rows["value"] > 0)]
    return {
        str(label): of_one.set_index("at")["value"].sort_index()
        for label, of_one in good.groupby("method_label", sort=False)
    }


def scalar(rows: pd.DataFrame, metric: str) -> float:
    """Return the value of a metric without a position in the rows of one contender, or NaN."""
    good = rows.loc[(rows["metric"] == metric) & (rows["status"] == "ok"), "value"]
    return float(good.iloc[-1]) if len(good) else math.nan


def paired(a: pd.Series, b: pd.Series) -> FloatArray:
    """Return a / b round by round, over the rounds that both have."""
    rounds = a.index.intersection(b.index)
    ratio: FloatArray = np.asarray(a.loc[rounds], float) / np.asarray(b.loc[rounds], float)
    return ratio
