"""What the command line prints: leaderboard, plan of a run, machine-readable summary."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rep4ex_bench.boards.columns import USUAL, further_metrics
from rep4ex_bench.boards.ranking import Ranking, leaderboard, places, rank
from rep4ex_bench.boards.ranking.overall import Overall
from rep4ex_bench.boards.ranking.sequential import Decision
from rep4ex_bench.boards.ranking.violations import violations
from rep4ex_bench.boards.violations import breakdown_table
from rep4ex_bench.cli.results_table import results_tables
from rep4ex_bench.cli.violations_table import print_breakdowns
from rep4ex_bench.grids import TUNED
from rep4ex_bench.running.applicability import LeftOut
from rep4ex_bench.running.runner import Run
from rep4ex_bench.running.suite import Suite

_WITHOUT_TERMINAL = 120


def make_console() -> Console:
    """Return a console for standard output; wide enough for whole tables if no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=_WITHOUT_TERMINAL)


def print_leaderboard(records: pd.DataFrame, console: Console) -> None:
    """Print the results of every scenario; tuned methods, oracles and controls stand apart."""
    if records.empty:
        console.print("no finished cells")
        return
    board, metrics = leaderboard(records), further_metrics(records)
    too_wide: dict[str, None] = {}
    for scenario, rows in board.groupby("scenario_label", sort=False):
        tables, left_out = results_tables(str(scenario), rows, metrics, console)
        for table in tables:
            console.print(table)
        too_wide |= {column.heading: None for column in left_out}
    print_ranking(rank(records), console)
    breakdowns = breakdown_table(violations(records))
    if breakdowns is not None:
        print_breakdowns(breakdowns, console)
    console.print(
        "nMSE: squared error of E[Y | do(A = a*)] over the variance of the truth, median over "
        f"seeds; {_outside(records)}. Oracles know the latents; controls "
        "know nothing. * no other "
        "of its kind is both more accurate and cheaper.",
        highlight=False,
    )
    if TUNED in set(board["role"]):
        console.print(
            "Tuned methods chose their parameters on their training data and are ranked apart."
        )
    if too_wide:
        console.print(f"In the report, too wide for this terminal: {', '.join(too_wide)}.")
    for column in metrics:
        if column.metric not in USUAL:
            console.print(Text(f"{column.heading}: {column.meaning}."))


def _outside(records: pd.DataFrame) -> str:
    """Return how far outside the support the queries lie, as far as the records tell."""
    places = records.loc[records["metric"] == "nmse_by_distance", "at"].max()
    if not places > 1:
        return "outside is beyond the training support"
    return f"outside is up to {places:.3g} times the training support"


def print_ranking(ranking: Ranking, console: Console) -> None:
    """Print the order over all scenarios, ties as ties, and what seeds and scenarios can decide."""
    for found, title in ((ranking.overall, ""), (ranking.tuned.overall, "tuned methods, ")):
        if found is not None:
            console.print(_places_table(found, title))
    for note in ranking.notes():
        console.print(Text(note))
    for gap in ranking.left_out:
        console.print(Text(gap.text))


def _places_table(found: Overall, title: str) -> Table:
    """Return the places of one group."""
    table = Table(
        title=Text(f"{title}scenarios: {found.scenarios}", style="bold"),
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    headings = ["place", "method", "mean rank", "tied", "failed", "missing"]
    headings += ["scenarios"] if len(found.unplaced) else []
    for heading in headings:
        left = heading in ("method", "tied")
        table.add_column(heading, justify="left" if left else "right", no_wrap=True)
    for row in found.table.to_dict("records"):
        place = places(row["best_place"], row["worst_place"])
        rank_and_ties = (f"{row['mean_rank']:.2f}", row["groups"])
        table.add_row(place, *_counts(row, rank_and_ties, found))
    if len(found.unplaced):
        table.add_section()
    for row in found.unplaced.to_dict("records"):
        table.add_row("", *_counts(row, ("", ""), found))
    return table


def _counts(row: dict[Any, Any], rank_and_ties: tuple[str, str], found: Overall) -> list[Text]:
    """Return a method, its rank and ties, what of it failed or is missing, and its coverage."""
    bad = [
        Text(f"{count} of {row['cells']}" if count else "0", "bold red" if count else "")
        for count in (row["failed"], row["missing"])
    ]
    coverage = [Text(f"{row['coverage']} of {found.scenarios}")] if len(found.unplaced) else []
    return [Text(row["method_label"]), *map(Text, rank_and_ties), *bad, *coverage]


def plan_text(suite: Suite) -> str:
    """Return the cells of a suite, one a line, and their number."""
    cells = suite.cells()
    lines = [
        f"{cell.key[:12]}  {cell.scenario_label} / {cell.method_label} / seed {cell.seed}"
        + (_why(cell.left_out) if cell.left_out is not None else "")
        for cell in cells
    ]
    apart = sum(cell.left_out is not None for cell in cells)
    count = f"{len(cells)} cells" + (f", {apart} of them left out" if apart else "")
    return "\n".join([*lines, f"{count}; nothing was run or written"])


def _why(left_out: LeftOut) -> str:
    return f"  {left_out.status.replace('_', ' ')}: {left_out.reason}"


def run_json(run: Run, decision: Decision | None = None) -> str:
    """Return a run's summary and leaderboard as JSON; what is not finite becomes null.

    With the decision between two methods, where one was asked for.
    """
    rows = (
        [] if run.records.empty else json.loads(leaderboard(run.records).to_json(orient="records"))
    )
    summary: dict[str, Any] = {
        "folder": str(run.folder),
        "cells": run.cells,
        "reused": run.reused,
        "failed": run.failed,
        "not_applicable": run.not_applicable,
        "unavailable": run.unavailable,
        "notes": list(run.notes),
        "failures": [
            asdict(one) | {"log": None if one.log is None else str(one.log)} for one in run.failures
        ],
        "leaderboard": rows,
        "ranking": rank(run.records).as_json(),
    }
    if decision is not None:
        summary["decision"] = asdict(decision)
    return json.dumps(summary, indent=2)
