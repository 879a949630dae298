"""Runs the gate: compiles cases in worker processes and turns each into a row of the table."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from rep4ex_kernels.offline.case import Case
from rep4ex_kernels.offline.cases import all_cases
from rep4ex_kernels.offline.checks import violations
from rep4ex_kernels.offline.compiling import Compiled, compile_cases
from rep4ex_kernels.offline.model import ARCHITECTURES, SPECIAL_LANES, estimate, resident_warps
from rep4ex_kernels.offline.selection import essential


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: str
    target: str
    columns: tuple[str, ...]
    violations: tuple[str, ...]


HEADER = (
    "registers", "shared", "tensor", "warps", "special", "issue", "throughput", "limit", "latency",
    "floor", "throughput / floor", "larger / floor", "in step / floor",
    "ps",
)  # fmt: skip


# Cases that a worker compiles before it starts the disassembler.
TOGETHER = 12


def run_cases(indices: Sequence[int], target: str) -> list[Row]:
    """Compile and judge cases of one target; a compiler error is a violation."""
    every = all_cases(target)
    cases = [every[i] for i in indices]
    outcomes = compile_cases(cases, target)
    return [_row(case, target, outcome) for case, outcome in zip(cases, outcomes, strict=True)]


def _row(case: Case, target: str, compiled: Compiled | Exception) -> Row:
    if isinstance(compiled, Exception):
        reason = f"does not compile: {str(compiled)[-300:]}"
        return Row(case.name, target, ("",) * len(HEADER), (reason,))
    code, assembly = compiled.code, compiled.assembly
    registers = str(code.registers if code else assembly.registers if assembly else "")
    columns: tuple[str, ...] = (registers, str(compiled.shared_bytes))
    if code is None:
        columns += ("",) * (len(HEADER) - len(columns))
        return Row(case.name, target, columns, tuple(violations(compiled, None)))
    architecture = ARCHITECTURES[target]
    warps = resident_warps(compiled, code.registers, architecture)
    columns += (str(compiled.tensor_memory_columns), str(warps))
    if case.special is None:
        columns += ("",) * (len(HEADER) - len(columns))
        return Row(case.name, target, columns, tuple(violations(compiled, None)))
    judged = estimate(compiled, code, architecture)
    # In units of one special-function result.
    cycles = judged.bounds["special"], judged.throughput, judged.latency, judged.floor
    special, throughput, latency, floor = (f"{c * SPECIAL_LANES:.2f}" for c in cycles)
    known = judged.floor > 0
    columns += (
        special,
        f"{judged.issue_slots:.2f}",
        throughput,
        judged.limit,
        latency,
        floor if known else "",
        f"{judged.over_floor(judged.throughput):.2f}" if known else "",
        f"{judged.over_floor(judged.predicted):.2f}" if known else "",
        f"{judged.over_floor(judged.in_step):.2f}" if known else "",
        f"{judged.picoseconds(architecture):.3f}",
    )
    return Row(case.name, target, columns, tuple(violations(compiled, judged)))


def run(targets: Sequence[str], only: str, processes: int, quick: bool = False) -> list[Row]:
    """Rows of all cases whose name contains ``only``, compiled in a temporary cache.

    ``quick`` compiles those of ``selection``.
    """
    jobs = []
    for target in targets:
        cases = all_cases(target)
        chosen = essential(cases, target) if quick else range(len(cases))
        wanted = [i for i in chosen if only in cases[i].name]
        jobs += [(wanted[i : i + TOGETHER], target) for i in range(0, len(wanted), TOGETHER)]
    with tempfile.TemporaryDirectory(prefix="rep4ex-offline-") as cache:
        os.environ["TRITON_CACHE_DIR"] = cache
        if processes == 1 or not jobs:
            return [row for job in jobs for row in run_cases(*job)]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            return [row for rows in pool.map(run_cases, *zip(*jobs, strict=True)) for row in rows]


def table(rows: list[Row]) -> str:
    """Plain-text table, also valid Markdown."""
    lines = [("kernel", "target", *HEADER), *((r.case, r.target, *r.columns) for r in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(text)
