"""Kernel records as a plain table of medians, and as JSON."""

from __future__ import annotations

import json

import pandas as pd
from rich.console import Console
from rich.table import Table

from rep4ex_bench.speed.run import KernelRun


def print_kernel_times(records: pd.DataFrame, console: Console) -> None:
    """Print median milliseconds of every contender at every workload, and what was not timed."""
    for label, rows in records[records["role"] == "method"].groupby("scenario_label", sort=False):
        table = Table(title=str(label), title_justify="left", box=None, pad_edge=False)
        for heading in ("contender", "ms", "remark"):
            table.add_column(heading)
        medians = _medians(rows)
        for name, seconds, error in zip(
            medians.index, medians["seconds"], medians["error"], strict=True
        ):
            table.add_row(name, f"{1e3 * seconds:.3f}" if seconds > 0 else "", error)
        console.print(table)


def kernels_json(run: KernelRun) -> str:
    """Return a run's summary and medians as JSON."""
    contenders = run.records[run.records["role"] == "method"]
    medians = {
        str(label): json.loads(_medians(rows).to_json(orient="index"))
        for label, rows in contenders.groupby("scenario_label", sort=False)
    }
    summary = {"folder": str(run.folder), "failed": run.failed, "medians": medians}
    return json.dumps(summary, indent=2)


def _medians(rows: pd.DataFrame) -> pd.DataFrame:
    """Median process seconds (wall seconds on a GPU) and the error of every contender."""
    clock = "process_seconds" if (rows["device"] == "cpu").all() else "wall_seconds"
    seconds = rows[rows["metric"] == clock].groupby("method_label")["value"].median()
    errors = rows.groupby("method_label")["error"].first()
    return pd.DataFrame({"seconds": seconds, "error": errors}).sort_values("seconds")
