"""How the runner scales to long plans; writes a Markdown page.

python tools/pages/scaling.py [--cells 100000] [--finished 20000] [--run 8000]
                                      [--out docs/scaling.md]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rep4ex_bench.records.predictions import PREDICTION_SCHEMA
from rep4ex_bench.records.records import RECORD_SCHEMA, records_table
from rep4ex_bench.running.cell import CellResult, run_cell
from rep4ex_bench.running.origin import Origin
from rep4ex_bench.running.reuse.sources import Sources
from rep4ex_bench.running.run_folder import RunFolder
from rep4ex_bench.running.runner import rebuild_report, run_suite
from rep4ex_bench.running.suite import Cell, Suite, parse_suite

METHODS = ("constant_mean", "ols_on_actions", "pca", "mlp_on_actions", "rep4ex")
SCENARIOS = 4
TITLE = "A long plan"
GPUS = 1_000
GPU_CELLS = 10  # at once on one GPU, and seconds each: what the calculation supposes
GPU_CELL_SECONDS = 60.0


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cells", type=int, default=100_000, help="cells of the plan")
    parser.add_argument("--finished", type=int, default=20_000, help="cells that get results")
    parser.add_argument("--run", type=int, default=8_000, help="cells of the plan that are run")
    parser.add_argument("--out", type=Path, help="write the page here instead of printing it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        plan = alone(measure_plan, arguments.cells, folder / "plan")
        curve = alone(measure_finished, arguments.finished, folder / "run")
        shown = alone(measure_report, arguments.cells, folder / "report")
        ran = run_some(arguments.cells, arguments.run, folder / "really")
    lines = [
        *introduction(arguments),
        *plan_section(arguments.cells, plan),
        *curve_section(curve),
        *run_section(arguments.cells, ran),
        *report_section(arguments.cells, shown),
        *calculation(curve, shown),
    ]
    page = "\n".join(lines) + "\n"
    if arguments.out:
        arguments.out.write_text(page, encoding="utf-8")
    else:
        print(page)


def alone(measure: Callable[[int, Path], dict[str, Any]], count: int, folder: Path) -> Any:
    """Measure in a process of its own, so that its memory is that of nothing else."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(measure, (count, folder))
    print(found, flush=True)
    return found


def long_suite(cells: int, methods: Sequence[str] = METHODS) -> Suite:
    """Return a suite of so many cells, rounded up to whole seeds."""
    seeds = -(-cells // (SCENARIOS * len(methods)))
    lines = ['name = "long"', f'title = "{TITLE}"', f"seeds = {seeds}"]
    for number in range(SCENARIOS):
        lines += ["[[scenarios]]", 'name = "linear_action"', f'label = "strength {number + 1}"']
        lines += [f'parameters = {{ n = 200, outcome = "bump", alpha = {number + 1}.0 }}']
    for method in methods:
        lines += ["[[methods]]", f'name = "{method}"']
    return parse_suite("\n".join(lines), "long")


def peak_gigabytes() -> float:
    """Return the largest memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure_plan(count: int, path: Path) -> dict[str, Any]:
    """Return what it takes until the first cell could start."""
    imported = peak_gigabytes()
    start = time.perf_counter()
    suite = long_suite(count)
    folder = RunFolder.open(path, suite.name, suite.title)
    cells = suite.cells()
    planned = time.perf_counter()
    missing = [cell for cell in cells if not folder.is_finished(cell)]
    looked = time.perf_counter()
    return {
        "cells": len(missing),
        "plan": planned - start,
        "look": looked - planned,
        "imported": imported,
        "peak": peak_gigabytes(),
    }


def result_for(cell: Cell, pattern: CellResult) -> CellResult:
    """Return the result of a cell in the form of another's, with values of its own."""
    rng = np.random.default_rng(int(cell.key[:8], 16))
    records = [
        dataclasses.replace(
            record,
            scenario_label=cell.scenario_label,
            method=cell.method.name,
            method_label=cell.method_label,
            role=cell.method.role,
            seed=cell.seed,
            cell_key=cell.key,
            value=record.value * float(rng.lognormal()),
        )
        for record in pattern.records
    ]
    table = pattern.predictions
    if table is None:
        raise ValueError("the pattern has no predictions")
    place = table.schema.get_field_index("cell_key")
    keys = pa.array([cell.key] * len(table), pa.string())
    return CellResult(records, table.set_column(place, PREDICTION_SCHEMA.field("cell_key"), keys))


def measure_finished(count: int, path: Path) -> dict[str, Any]:
    """Return the cost of keeping the n-th finished cell, and of collecting them all."""
    suite = long_suite(count)
    cells = suite.cells()
    pattern = run_cell(cells[0], "cpu")
    folder = RunFolder.open(path, suite.name, suite.title)
    origin = Origin(Sources().of(cells[0]))
    spent: list[float] = []
    for cell in cells:
        result = result_for(cell, pattern)
        start = time.perf_counter()
        folder.write(cell, result, origin)
        spent.append(time.perf_counter() - start)
    start = time.perf_counter()
    folder.collect(cells)
    collected = time.perf_counter() - start
    tenths = np.array_split(np.array(spent) * 1e3, 10)
    file = next((path / "cells").glob("*/*/records.parquet"))
    sizes = [
        file.stat().st_size,
        file.with_name("predictions.parquet").stat().st_size,
        (path / "records.parquet").stat().st_size / len(cells),
        (path / "predictions.parquet").stat().st_size / len(cells),
    ]
    return {
        "cells": len(cells),
        "tenths": [float(np.median(tenth)) for tenth in tenths],
        "collect": collected,
        "sizes": sizes,
        "peak": peak_gigabytes(),
    }


class _EnoughError(Exception):
    """So many cells have ended."""


class _Stopper:
    """A watcher that notes when cells end, and ends the run after some."""

    def __init__(self, most: int) -> None:
        self.ends: list[float] = []
        self._most = most

    def planned(self, cells: Sequence[Cell], reused: int) -> None:
        """Say nothing."""

    def left_out(self, not_applicable: int, unavailable: int) -> None:
        """Say nothing."""

    def started(self, cell: Cell) -> None:
        """Say nothing."""

    def finished(self, cell: Cell, status: str) -> None:
        """Note it."""
        if status != "ok":
            raise RuntimeError(f"a cell of {cell.method_label} failed")
        self.ends.append(time.perf_counter())
        if len(self.ends) == self._most:
            raise _EnoughError


def run_some(cells: int, most: int, path: Path) -> dict[str, Any]:
    """Run cells of a long plan; return milliseconds between two ends, and the runner's memory."""
    watcher = _Stopper(most)
    # a method that is quick: what grows with the number of cells would be seen
    suite = long_suite(cells, METHODS[:1])
    with contextlib.suppress(_EnoughError):
        run_suite(suite, path, watcher=watcher)
    gaps = np.array_split(np.diff(watcher.ends) * 1e3, 10)
    found = {"cells": most, "tenths": [float(np.mean(t)) for t in gaps], "peak": peak_gigabytes()}
    print(found, flush=True)
    return found


def measure_report(count: int, path: Path) -> dict[str, Any]:
    """Return what the report of so many finished cells takes, from the collected files."""
    suite = long_suite(count)
    folder = RunFolder.open(path, suite.name, suite.title)
    cells = suite.cells()
    pattern = run_cell(cells[0], "cpu")
    write_collected(folder.path, cells, pattern)
    start = time.perf_counter()
    records, page = rebuild_report(folder.path)
    return {
        "cells": len(cells),
        "records": len(records),
        "seconds": time.perf_counter() - start,
        "bytes": page.stat().st_size,
        "peak": peak_gigabytes(),
    }


def write_collected(path: Path, cells: list[Cell], pattern: CellResult) -> None:
    """Write the files that `RunFolder.collect` would write."""
    with (
        pq.ParquetWriter(path / "records.parquet", RECORD_SCHEMA) as records,
        pq.ParquetWriter(path / "predictions.parquet", PREDICTION_SCHEMA) as predictions,
    ):
        for first in range(0, len(cells), 500):
            some = [result_for(cell, pattern) for cell in cells[first : first + 500]]
            records.write_table(records_table(r for one in some for r in one.records))
            predictions.write_table(pa.concat_tables(one.predictions for one in some))


def introduction(arguments: argparse.Namespace) -> list[str]:
    """Return what the page says first."""
    return [
        "# Long plans",
        "",
        f"Made by `python tools/pages/scaling.py --cells {arguments.cells} "
        f"--finished {arguments.finished} --run {arguments.run} --out docs/scaling.md`. "
        "Cells have the records and predictions of a real one in size and form, with values of "
        "their own. Seconds are of one "
        "shared machine; what grows and what does not is the point.",
        "",
    ]


def plan_section(cells: int, plan: dict[str, Any]) -> list[str]:
    """Return what a long plan takes."""
    return [
        f"## A plan of {cells:,} cells",
        "",
        f"Read, checked and planned in {plan['plan']:.1f} s, of {plan['cells']:,} cells looked for "
        f"on the disk in {plan['look']:.1f} s: then the first can start. Peak memory "
        f"{plan['peak']:.2f} GB, of which {plan['imported']:.2f} GB are imports.",
        "",
    ]


def curve_section(curve: dict[str, Any]) -> list[str]:
    """Return the cost of the n-th finished cell."""
    step = curve["cells"] // 10
    return [
        "## The n-th finished cell",
        "",
        f"Milliseconds to keep one cell (three files, each with fsync), medians over tenths of "
        f"{curve['cells']:,} cells; in the last tenth it is "
        f"{curve['tenths'][-1] / curve['tenths'][0]:.2f} times that of the first.",
        "",
        "| cells before | ms a cell |",
        "|---|---|",
        *(f"| {step * i:,} | {value:.2f} |" for i, value in enumerate(curve["tenths"])),
        "",
        f"Collecting all of them at the end: {curve['collect']:.0f} s, "
        f"{curve['collect'] / curve['cells'] * 1e3:.2f} ms a cell; peak memory of both "
        f"{curve['peak']:.2f} GB. One cell takes {curve['sizes'][0]:,} bytes of records and "
        f"{curve['sizes'][1]:,} of predictions in its own files, {curve['sizes'][2]:,.0f} and "
        f"{curve['sizes'][3]:,.0f} in the collected ones.",
        "",
    ]


def run_section(cells: int, ran: dict[str, Any]) -> list[str]:
    """Return what cells cost that really run."""
    step = ran["cells"] // 10
    last = ran["tenths"][-1] / ran["tenths"][0]
    return [
        f"The same with all that belongs to it: `rep4ex-bench run` on a plan of {cells:,} cells of "
        f"`{METHODS[0]}`, ended after {ran['cells']:,}. Milliseconds from the end of one cell to "
        f"that of the next, a worker a core, means over tenths; the last is {last:.2f} times the "
        f"first. Peak memory of the runner {ran['peak']:.2f} GB.",
        "",
        "| cells before | ms a cell |",
        "|---|---|",
        *(f"| {step * i:,} | {value:.1f} |" for i, value in enumerate(ran["tenths"])),
        "",
    ]


def report_section(cells: int, shown: dict[str, Any]) -> list[str]:
    """Return what the report of a long run takes."""
    return [
        f"## The report and the board of {cells:,} cells",
        "",
        f"`rep4ex-bench report` on {shown['records']:,} records: {shown['seconds']:.0f} s, peak "
        f"memory {shown['peak']:.1f} GB, a page of {shown['bytes'] / 1e6:.2f} MB. The page keeps "
        "its size: seeds are left out of figures that show single cells, and it says so.",
        "",
    ]


def calculation(curve: dict[str, Any], shown: dict[str, Any]) -> list[str]:
    """Return what a run on 1,000 GPUs would need, from the figures above."""
    rate = GPUS * GPU_CELLS / GPU_CELL_SECONDS
    keep = curve["tenths"][-1] / 1e3
    hour = rate * 3600
    per_cell = sum(curve["sizes"])
    records = shown["records"] / shown["cells"]
    return [
        f"## {GPUS:,} GPUs, by calculation",
        "",
        f"Supposed, not measured: {GPU_CELLS} cells at once on a GPU (stacked), "
        f"{GPU_CELL_SECONDS:.0f} s each. Then {rate:,.0f} cells end a second, "
        f"{hour:,.0f} an hour.",
        "",
        f"- Records: {records:.0f} a cell, {hour * records:,.0f} an hour. Bytes on the disk: "
        f"{per_cell:,.0f} a cell, {hour * per_cell / 1e9:.1f} GB an hour.",
        f"- One runner keeps {1 / keep:,.0f} cells a second at the measured cost; "
        f"{rate * keep:.1f} runners' worth of writing would be needed, each with a folder and a "
        "part of the scenarios of its own. The cost is three fsyncs, so a faster disk counts.",
        f"- Scheduler calls: with Ray one task a group of {GPU_CELLS} cells, "
        f"{rate / GPU_CELLS:,.0f} a second. With Slurm job arrays of at most 1,000 jobs, whatever "
        f"the number of cells, and one `squeue` in 5 s.",
        f"- Collecting an hour's cells takes {hour * curve['collect'] / curve['cells'] / 60:,.0f} "
        "minutes of one core, once, at the end.",
    ]


if __name__ == "__main__":
    main()
