"""Runs the gate: compiles cases in worker processes and turns each into a row of the table."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from rep4ex_kernels.offline.case import Case
from rep4ex_kernels.offline.cases import all_cases
from rep4ex_kernels.offline.checks import violations
from rep4ex_kernels.offline.compiling import compile_case
from rep4ex_kernels.offline.model import ARCHITECTURES, estimate


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    case: str
    target: str
    columns: tuple[str, ...]
    violations: tuple[str, ...]


HEADER = (
    "registers", "shared", "tensor", "special", "issue", "bound", "limit", "floor", "ratio", "ps",
)  # fmt: skip


def run_case(index: int, target: str) -> Row:
    """Compile and judge case ``index``; a compiler error is a violation."""
    case = all_cases(target)[index]
    try:
        compiled = compile_case(case, target)
    except Exception as error:  # whatever the compiler raises is the finding
        return Row(
            case.name, target, ("",) * len(HEADER), (f"does not compile: {str(error)[-300:]}",)
        )
    code = compiled.code
    if code is None:
        columns = ("", str(compiled.shared_bytes), *("",) * (len(HEADER) - 2))
        return Row(case.name, target, columns, tuple(violations(compiled, None)))
    architecture = ARCHITECTURES[target]
    judged = estimate(compiled, code, architecture) if case.special is not None else None
    columns = (str(code.registers), str(compiled.shared_bytes), str(compiled.tensor_memory_columns))
    if judged is None:
        columns += ("",) * (len(HEADER) - 3)
    else:
        known = judged.floor > 0
        columns += (
            f"{judged.bounds['special'] * 16:.2f}",
            f"{judged.issue_slots:.2f}",
            f"{judged.bound:.2f}",
            judged.limit,
            f"{judged.floor * 16:.2f}" if known else "",
            f"{judged.ratio:.2f}" if known else "",
            f"{judged.picoseconds(architecture):.3f}",
        )
    return Row(case.name, target, columns, tuple(violations(compiled, judged)))


def run(targets: tuple[str, ...], only: str, processes: int, quick: bool = False) -> list[Row]:
    """Rows of all cases whose name contains ``only``, compiled in a temporary cache.

    ``quick`` takes the cases that cover every row of the table on sm_90, and elsewhere leaves out
    the fast variants and the widest points and weights too.
    """
    jobs = [
        (index, target)
        for target in targets
        for index, case in enumerate(all_cases(target))
        if only in case.name and not (quick and _left_out(case, target))
    ]
    with tempfile.TemporaryDirectory(prefix="rep4ex-offline-") as cache:
        os.environ["TRITON_CACHE_DIR"] = cache
        if processes == 1 or not jobs:
            return [run_case(*job) for job in jobs]
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            return list(pool.map(run_case, *zip(*jobs, strict=True), chunksize=4))


def _left_out(case: Case, target: str) -> bool:
    elsewhere = target != "sm_90" and any(s in case.name for s in (" fast", "W=64", "K=64"))
    return elsewhere or not case.core


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
