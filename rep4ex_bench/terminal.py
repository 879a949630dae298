"""What the command line prints: leaderboard, plan of a run, machine-readable summary."""

from __future__ import annotations

import json
import math

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rep4ex_bench.ranking import leaderboard
from rep4ex_bench.runner import Run
from rep4ex_bench.suite import Suite

_MARKS = {"method": "", "oracle": " (oracle)", "control": " (control)"}


def print_leaderboard(records: pd.DataFrame, console: Console) -> None:
    """Print one table per scenario; oracles and controls stand apart below the methods."""
    if records.empty:
        console.print("no finished cells")
        return
    for scenario, rows in leaderboard(records).groupby("scenario_label", sort=False):
        title = Text(f"{scenario}  [{rows['data_label'].iloc[0]}]")
        table = Table(title=title, title_justify="left")
        table.add_column("method")
        for heading in ("nMSE outside", "all seeds", "nMSE inside", "affine R²", "fit s", "cells"):
            table.add_column(heading, justify="right")
        previous = "method"
        for _, row in rows.iterrows():
            if row["role"] != previous:
                table.add_section()
            previous = row["role"]
            table.add_row(*_cells(row))
        console.print(table)
    console.print(
        "nMSE: squared error of E[Y | do(A = a*)] over the variance of the truth; median over "
        "seeds, then smallest to largest. Outside: up to 3 times the training support. "
        "Oracles know the latents; controls know nothing.",
        highlight=False,
    )


def _cells(row: pd.Series) -> list[Text]:
    spread = f"{number(row['nmse_outside_min'])} to {number(row['nmse_outside_max'])}"
    good = f"{row['cells_ok']}/{row['cells']}"
    style = "" if row["cells_ok"] == row["cells"] else "bold red"
    return [
        Text(row["method_label"] + _MARKS[row["role"]]),
        Text(number(row["nmse_outside"])),
        Text(spread),
        Text(number(row["nmse_inside"])),
        Text(number(row["affine_r2"])),
        Text(number(row["fit_seconds"])),
        Text(good, style=style),
    ]


def number(value: float) -> str:
    """Return three significant digits, "-" for what does not exist, "failed" for infinity."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "failed"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.1e}"


def plan_text(suite: Suite) -> str:
    """Return the cells of a suite, one a line, and their number."""
    cells = suite.cells()
    lines = [
        f"{cell.key[:12]}  {cell.scenario_label} / {cell.method_label} / seed {cell.seed}"
        for cell in cells
    ]
    return "\n".join([*lines, f"{len(cells)} cells; nothing was run or written"])


def run_json(run: Run) -> str:
    """Return a run's summary and leaderboard as JSON; what is not finite becomes null."""
    rows = (
        [] if run.records.empty else json.loads(leaderboard(run.records).to_json(orient="records"))
    )
    summary = {
        "folder": str(run.folder),
        "cells": run.cells,
        "reused": run.reused,
        "failed": run.failed,
        "leaderboard": rows,
    }
    return json.dumps(summary, indent=2)
