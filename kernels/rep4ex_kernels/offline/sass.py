"""Reads a compiled CUDA kernel: resource usage and the instruction mix of its innermost loop.

Uses the ``cuobjdump`` that the triton package ships. The innermost loop is the shortest stretch of
code that a backward branch closes and that holds the special-function (or, without any, the
floating-point) instructions of one tile; on sm_100 the out-of-line wait loops branch backward too,
from behind the end of the kernel.
"""

from __future__ import annotations

import math
import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

_INSTRUCTION = re.compile(
    r"/\*(?P<address>[0-9a-f]{4,6})\*/\s+(?:@!?U?P\w+\s+)?(?P<opcode>[A-Z][\w.]*)(?P<operands>[^;]*);"
)
_USAGE = re.compile(r"(REG|STACK|SHARED|LOCAL):(\d+)")
_ADDRESS = re.compile(r"0x([0-9a-f]+)")

_WARPGROUP_SHAPE = re.compile(r"HGMMA\.(\d+)x(\d+)x(\d+)")

MATRIX_OPCODES = ("HMMA", "HGMMA", "UTCHMMA", "DMMA")


@dataclass(frozen=True)
class Instruction:
    """One line of SASS."""

    address: int
    opcode: str
    operands: str

    @property
    def base(self) -> str:
        """The opcode without modifiers."""
        return self.opcode.split(".")[0]


@dataclass(frozen=True)
class MachineCode:
    """What a cubin says about itself."""

    registers: int
    stack: int
    local: int
    instructions: tuple[Instruction, ...]
    loop: tuple[Instruction, ...]

    def count(self, prefix: str) -> int:
        """Instructions of the innermost loop whose opcode starts with ``prefix``."""
        return sum(i.opcode.startswith(prefix) for i in self.loop)

    @property
    def mix(self) -> Counter[str]:
        """Base opcodes of the innermost loop and how often each occurs."""
        return Counter(i.base for i in self.loop)

    @property
    def matrix_instructions(self) -> int:
        """Tensor-core instructions anywhere in the kernel."""
        return sum(i.base in MATRIX_OPCODES for i in self.instructions)

    @property
    def is_stub(self) -> bool:
        """True for the breakpoint that is emitted in place of a kernel that does not fit.

        A sound kernel for sm_100 also holds BPT.TRAP, out of line in its tensor-memory guards.
        """
        return not self.loop and any(i.base == "BPT" for i in self.instructions)

    def matrix_fma(self, num_warps: int) -> int | None:
        """Multiply-adds of one pass of the loop by the whole block; None where SASS hides them."""
        if any(i.base == "UTCHMMA" for i in self.instructions):
            return None
        total = 0
        for instruction in self.loop:
            if instruction.base == "HMMA":  # one warp: HMMA.16816 is 16 x 8 x 16
                total += 16 * 8 * (16 if ".16816" in instruction.opcode else 8) * num_warps
            elif shape := _WARPGROUP_SHAPE.search(instruction.opcode):  # four warps
                total += math.prod(int(size) for size in shape.groups()) * num_warps // 4
        return total

    @property
    def spill_instructions(self) -> int:
        """Loads and stores of local memory."""
        return sum(i.base in ("LDL", "STL") for i in self.instructions)


def tool(name: str) -> Path:
    """Path of a CUDA binary tool inside the triton package."""
    import triton  # noqa: PLC0415 - optional dependency

    path = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / name
    if not path.exists():
        raise FileNotFoundError(
            f"{name}: expected at {path} inside the triton package, found nothing; "
            "install a triton wheel for linux (rep4ex-bench[triton])"
        )
    return path


def read(cubin: bytes) -> MachineCode:
    """Disassemble a cubin."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        usage = _cuobjdump("--dump-resource-usage", file.name)
        listing = _cuobjdump("-sass", file.name)
    return parse(usage, listing)


def parse(usage: str, listing: str) -> MachineCode:
    """MachineCode from the text of ``cuobjdump --dump-resource-usage`` and ``-sass``."""
    numbers = {name: int(value) for name, value in _USAGE.findall(usage)}
    missing = {"REG", "STACK", "LOCAL"} - set(numbers)
    if missing:
        raise ValueError(
            f"usage: expected REG, STACK and LOCAL, received none of {sorted(missing)}"
        )
    instructions = tuple(
        Instruction(int(m["address"], 16), m["opcode"], m["operands"])
        for m in _INSTRUCTION.finditer(listing)
    )
    return MachineCode(
        numbers["REG"], numbers["STACK"], numbers["LOCAL"], instructions,
        innermost_loop(instructions),
    )  # fmt: skip


def innermost_loop(instructions: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """The shortest loop body that holds more than one key instruction.

    Key instructions are MUFU, or floating-point ones in a kernel without any MUFU.
    """
    bodies = []
    for branch in instructions:
        target = _ADDRESS.search(branch.operands) if branch.base == "BRA" else None
        if target and int(target[1], 16) < branch.address:
            first, last = int(target[1], 16), branch.address
            body = tuple(i for i in instructions if first <= i.address <= last)
            # Waits stand behind the end of the kernel and jump back into the middle of a loop.
            if not any(i.base == "EXIT" for i in body):
                bodies.append(body)
    for keys in (("MUFU",), ("FFMA", "FFMA2", "DFMA", "DMMA")):
        counts = [sum(i.base in keys for i in body) for body in bodies]
        if counts and max(counts) > 1:
            # More than one: a lone MUFU is a division or a root outside the tile.
            dense = [b for b, c in zip(bodies, counts, strict=True) if c > 1]
            return min(dense, key=len)
    return ()


def _cuobjdump(flag: str, path: str) -> str:
    command = [str(tool("cuobjdump")), flag, path]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
