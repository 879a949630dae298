"""``python -m rep4ex_kernels.offline.choose``: which configuration the cost model prefers.

A row of the table serves several cases: modes of one kernel, or kinds of one family. For each row
this compiles the costliest of them with each candidate, and all of them with the ``FINALISTS`` best
and the present configuration. A candidate that a case rejects is dropped (a spill, a stub, over
capacity, off the plan, over the cap); the rest are ranked by predicted cycles a pair, averaged over
the cases, in special-function results as in the gate's column "bound". Predictions within ``TIE``
of the best are a tie: the present configuration stays, or else the larger number of resident warps
decides, then the smaller shared memory.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import tempfile
from collections import defaultdict
from dataclasses import dataclass

from rep4ex_kernels._triton_table import Configuration
from rep4ex_kernels.offline.case import Case
from rep4ex_kernels.offline.cases import all_cases
from rep4ex_kernels.offline.checks import REGISTER_FILE, TENSOR_MEMORY_COLUMNS, violations
from rep4ex_kernels.offline.compiling import CUDA_TARGETS, Compiled, compile_case
from rep4ex_kernels.offline.model import ARCHITECTURES, WARP, Architecture, estimate

TIE = 1.03
FINALISTS = 2
MAX_WARPS = 64

# Rows, columns, warps, stages. The row of the table is a candidate too.
CANDIDATES = (
    Configuration(128, 32, 4, 2), Configuration(128, 64, 4, 2), Configuration(128, 64, 4, 3),
    Configuration(128, 32, 8, 1), Configuration(128, 32, 8, 2), Configuration(128, 64, 8, 2),
    Configuration(128, 128, 8, 2), Configuration(64, 32, 4, 1),
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What the model says of one candidate: mean bound, resident warps, shared memory."""

    configuration: Configuration
    bound: float
    warps: int
    shared_bytes: int


def configured(case: Case, configuration: Configuration) -> Case:
    """The case with other launch parameters."""
    c = configuration
    return dataclasses.replace(
        case,
        constants={**case.constants, "BLOCK_M": c.block_m, "BLOCK_N": c.block_n},
        num_warps=c.num_warps,
        num_stages=c.num_stages,
        pairs=c.block_m * c.block_n,
        bytes_per_pair=case.bytes_per_pair * case.constants["BLOCK_M"] / c.block_m,
    )


def present(case: Case) -> Configuration:
    """The launch parameters of a case as the table has them."""
    sizes = case.constants["BLOCK_M"], case.constants["BLOCK_N"]
    return Configuration(*sizes, case.num_warps, case.num_stages)


def resident_warps(compiled: Compiled, registers: int, architecture: Architecture) -> int:
    """Warps of this kernel that a multiprocessor can hold at a time."""
    warps = compiled.case.num_warps
    # Registers are given out in eights a thread; a block's shared memory costs 1 KiB more.
    registers = -(-registers // 8) * 8 * WARP * warps
    blocks = min(
        REGISTER_FILE // registers,
        architecture.shared_limit // (compiled.shared_bytes + 1024),
        MAX_WARPS // warps,
    )
    if compiled.tensor_memory_columns:
        blocks = min(blocks, TENSOR_MEMORY_COLUMNS // compiled.tensor_memory_columns)
    return blocks * warps


def judge(cases: list[Case], configuration: Configuration, target: str) -> Verdict | None:
    """The verdict on a candidate for the cases of a row; None where one of them rejects it."""
    architecture = ARCHITECTURES[target]
    bounds, warps, shared = [], [], []
    for case in cases:
        try:
            compiled = compile_case(configured(case, configuration), target)
        except Exception:  # whatever the compiler raises: it cannot be had
            return None
        code = compiled.code
        judged = estimate(compiled, code, architecture) if code else None
        if code is None or judged is None or violations(compiled, judged):
            return None
        bounds.append(judged.bound)
        warps.append(resident_warps(compiled, code.registers, architecture))
        shared.append(compiled.shared_bytes)
    return Verdict(configuration, sum(bounds) / len(bounds), min(warps), max(shared))


def best(verdicts: list[Verdict], holder: Configuration) -> Verdict:
    """The winner. In a tie the holder keeps the row, so that the table is a fixed point."""
    least = min(v.bound for v in verdicts)
    tied = [v for v in verdicts if v.bound <= TIE * least]
    return max(tied, key=lambda v: (v.configuration == holder, v.warps, -v.shared_bytes, -v.bound))


def rows_of(target: str, only: str) -> dict[tuple[str, int, int], list[Case]]:
    """The cases of every row of the table whose family contains ``only``, costliest first."""
    rows = defaultdict(list)
    for case in all_cases(target):
        if case.row is not None and only in case.row[0]:
            rows[case.row].append(case)
    return {row: sorted(cases, key=lambda c: -c.matrix_fma) for row, cases in rows.items()}


def choose(target: str, only: str = "") -> list[str]:
    """One line for each row: the winner beside what the table holds. Prints as it goes."""
    lines = []
    for row, cases in rows_of(target, only).items():
        holder = present(cases[0])
        candidates = dict.fromkeys((*CANDIDATES, holder))
        first = [v for c in candidates if (v := judge(cases[:1], c, target)) is not None]
        first.sort(key=lambda v: v.bound)
        ordered = (v for f in first if (v := judge(cases, f.configuration, target)) is not None)
        verdicts = list(itertools.islice(ordered, FINALISTS))
        if holder not in [v.configuration for v in verdicts]:
            verdicts += [v for v in (judge(cases, holder, target),) if v is not None]
        held = next((f"{v.bound:.2f}" for v in verdicts if v.configuration == holder), "rejected")
        line = f"{target} {row[0]} K={row[1]} W={row[2]}: table {_text(holder)} {held}, "
        if verdicts:
            winner = best(verdicts, holder)
            line += f"chosen {_text(winner.configuration)} {winner.bound:.2f}, {winner.warps} warps"
            line += "" if winner.configuration == holder else "  <- differs"
        else:
            line += "every candidate rejected"
        print(line, flush=True)
        lines.append(line)
    return lines


def _text(c: Configuration) -> str:
    return f"({c.block_m}, {c.block_n}, {c.num_warps}, {c.num_stages})"


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status: 1 where the table differs from what is chosen."""
    parser = argparse.ArgumentParser(prog="python -m rep4ex_kernels.offline.choose")
    parser.add_argument("--target", action="append", choices=CUDA_TARGETS)
    parser.add_argument("--only", default="", help="families whose name contains this")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="rep4ex-choose-") as cache:
        os.environ["TRITON_CACHE_DIR"] = cache
        lines = [line for t in options.target or CUDA_TARGETS for line in choose(t, options.only)]
    print(f"{len(lines)} rows. All figures are estimates.")
    return int(any("differs" in line or "rejected" in line for line in lines))


if __name__ == "__main__":
    raise SystemExit(main())
