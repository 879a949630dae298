"""How long one warp takes for one pass of the innermost loop: its dependent chain.

The instructions of the loop are issued in order, each once what it reads is there and the unit that
it needs is free; after a few passes the time of one no longer changes. Waits for copies to shared
memory, for tensor cores and for the other warps of the block are waited for. All branches are taken
as not taken.

Latencies are rounded from published microbenchmarks: A100 (Abdelkhalik et al. 2022,
arXiv:2208.11174), H100 (Luo et al. 2024, arXiv:2402.13499), B200 (Jarmusch and Chandrasekaran 2025,
arXiv:2512.02189). The three differ by less than what the model leaves out, so one number serves all
of them.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rep4ex_kernels.offline.sass import Instruction, warpgroup_shape

# Cycles from the issue of an instruction until what it makes can be read.
ARITHMETIC = 4
FLOAT64 = 8
CONVERSION = 6
SPECIAL = 20
SHARED = 30
MATRIX = 32
TENSOR_MEMORY = 30
L2 = 250
BARRIER = 25

LATENCIES = {
    "MUFU": SPECIAL, "F2FP": CONVERSION, "F2F": CONVERSION, "I2F": CONVERSION, "F2I": CONVERSION,
    "DADD": FLOAT64, "DMUL": FLOAT64, "DFMA": FLOAT64, "DSETP": FLOAT64, "DMMA": MATRIX,
    "LDS": SHARED, "LDSM": SHARED, "SHFL": SHARED, "LDC": SHARED, "LDTM": TENSOR_MEMORY,
    "LDG": L2, "LD": L2, "LDL": L2, "LDGSTS": L2,
    "HMMA": MATRIX, "HGMMA": MATRIX, "UTCHMMA": MATRIX, "BAR": BARRIER,
}  # fmt: skip

_PAIRS = ("FADD2", "FMUL2", "FFMA2")  # of float32 numbers, on sm_100
_UNITS = {
    **dict.fromkeys(("MUFU",), "special"),
    **dict.fromkeys(("F2FP", "F2F", "I2F", "F2I"), "convert"),
    **dict.fromkeys(("FADD", "FMUL", "FFMA", "HADD2", *_PAIRS), "float32"),
    **dict.fromkeys(("DADD", "DMUL", "DFMA"), "float64"),
    **dict.fromkeys(("HMMA", "HGMMA"), "matrix"),
}

# Instructions whose first operand is no result.
_NO_RESULT = (
    "ST", "STG", "STS", "STL", "STTM", "STSM", "BAR", "BRA", "LDGSTS", "LDGDEPBAR", "DEPBAR",
    "NOP", "MEMBAR", "FENCE", "WARPGROUP", "WARPSYNC", "UTCHMMA", "UTCBAR", "SYNCS", "EXIT", "RED",
)  # fmt: skip
_WIDTHS = {".64": 2, ".128": 4, ".M88.4": 4, ".MT88.4": 4, ".M88.2": 2, ".MT88.2": 2}
_REGISTER = re.compile(r"\b(UR|R|UP|P)(\d+)\b")
_TENSOR_MEMORY_WIDTH = re.compile(r"\.x(\d+)")
_PREDICATE = re.compile(r"^U?P(T|\d)")
_PASSES = 6


@dataclass(frozen=True)
class Units:
    """Cycles for which one instruction of a warp keeps its unit busy, on one of the schedulers."""

    float32: float
    float64: float
    special: float
    convert: float
    matrix_fma: float  # half-precision multiply-adds a cycle

    def of(self, instruction: Instruction) -> tuple[str, float]:
        """The unit that an instruction needs, and for how long."""
        unit = _UNITS.get(instruction.base, "")
        if unit == "matrix":
            return unit, _products(instruction) / self.matrix_fma
        return unit, getattr(self, unit) * (2 if instruction.base in _PAIRS else 1) if unit else 0.0


def _products(instruction: Instruction) -> int:
    """Multiply-adds of a tensor-core instruction on one scheduler."""
    if instruction.base == "HGMMA":
        return math.prod(warpgroup_shape(instruction)) // 4
    return 16 * 8 * (16 if ".16816" in instruction.opcode else 8)


def operands_of(instruction: Instruction) -> tuple[set[str], set[str]]:
    """Registers that an instruction writes, and those that it reads."""
    parts = [part.strip() for part in instruction.operands.split(",")]
    results = 0 if instruction.base in _NO_RESULT else 1
    if results and len(parts) > 1 and _PREDICATE.match(parts[1]):
        results = 2  # a carry, or the second predicate of a comparison
    written = {r for part in parts[:results] for r in _registers(part, _width(instruction, 0))}
    read = {
        r
        for i, part in enumerate(parts[results:], start=max(1, results))
        for r in _registers(part, _width(instruction, i))
    }
    if instruction.base == "HGMMA":
        read -= written  # sums that stay in the tensor core from one product to the next
    return written, read


def _registers(part: str, width: int) -> Iterator[str]:
    for kind, number in _REGISTER.findall(part):
        count = width if kind == "R" and "[" not in part else 1
        yield from (f"{kind}{int(number) + i}" for i in range(count))


def _width(instruction: Instruction, operand: int) -> int:
    """Registers of an operand: 0 is the result, or what is stored where there is none."""
    base, opcode = instruction.base, instruction.opcode
    width = 1
    if base == "HMMA":
        shorter = operand == 2 or (operand == 1 and ".1688" in opcode)
        width = 2 if shorter else 4
    elif base == "HGMMA":
        width = warpgroup_shape(instruction)[1] // 2 if operand == 0 else 4
    elif base in ("LDTM", "STTM"):
        found = _TENSOR_MEMORY_WIDTH.search(opcode)
        width = int(found[1]) if found else 1
    elif base in ("DADD", "DMUL", "DFMA", "DSETP", *_PAIRS) or ".WIDE" in opcode:
        width = 2
    elif base.startswith(("LD", "ST")):
        width = next((n for suffix, n in _WIDTHS.items() if suffix in opcode), 1)
    return width


@dataclass
class _Warp:
    """The state of the simulation."""

    units: Units
    now: float = 0.0  # when the last instruction was issued
    ready: dict[str, float] = field(default_factory=dict)  # registers
    free: dict[str, float] = field(default_factory=dict)  # units
    copies: list[float] = field(default_factory=list)  # since the last group of them
    copy_groups: deque[float] = field(default_factory=deque)
    product: float = 0.0  # end of the last product of those that go on by themselves
    product_groups: deque[float] = field(default_factory=deque)

    def issue(self, instruction: Instruction, written: set[str], read: set[str]) -> None:
        """Issue an instruction as early as possible."""
        unit, busy = self.units.of(instruction)
        base = instruction.base
        start = max(
            [self.now + 1, self.free.get(unit, 0.0), *(self.ready.get(r, 0.0) for r in read)]
        )
        start = max(start, self._waited_for(instruction))
        self.now = start
        if unit:
            self.free[unit] = start + busy
        end = start + max(LATENCIES.get(base, ARITHMETIC), busy)
        if base == "BAR":
            self.now = end
        elif base == "LDGSTS":
            self.copies.append(end)
        elif base == "LDGDEPBAR":
            self.copy_groups.append(max(self.copies, default=start))
            self.copies.clear()
        elif base in ("HGMMA", "UTCHMMA"):
            # Products that follow one another on the same sums overlap but for their own time.
            self.product = max(end, self.product + busy)
            if "gsb0" in instruction.operands:
                self.product_groups.append(self.product)
        elif base == "UTCBAR":
            self.product_groups.append(self.product)
        for register in written:
            self.ready[register] = end

    def _waited_for(self, instruction: Instruction) -> float:
        """End of what a wait waits for."""
        base, opcode = instruction.base, instruction.opcode
        if base == "SYNCS" and "TRYWAIT" in opcode:
            return self.product_groups.popleft() if self.product_groups else 0.0
        wait = "DEPBAR.LE" in opcode
        if not wait:
            return 0.0
        groups = self.product_groups if base == "WARPGROUP" else self.copy_groups
        left = int(instruction.operands.split(",")[1].strip(), 16)
        end = 0.0
        while len(groups) > left:
            end = max(end, groups.popleft())
        return end


def cycles_a_pass(loop: Sequence[Instruction], units: Units) -> float:
    """Cycles of one pass of a loop by one warp that has a scheduler to itself."""
    operands = [operands_of(instruction) for instruction in loop]
    warp = _Warp(units)
    ends = []
    for _ in range(_PASSES):
        for instruction, (written, read) in zip(loop, operands, strict=True):
            warp.issue(instruction, written, read)
        ends.append(warp.now)
    return (ends[-1] - ends[-3]) / 2
