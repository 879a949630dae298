"""Reads compiled CUDA kernels: resource usage and the instruction mix of the innermost loop.

Uses the ``cuobjdump`` and ``nvdisasm`` that the triton package ships. The innermost loop is the
shortest stretch of code that a backward branch closes and that holds the special-function (or,
without any, the floating-point) instructions of one tile; on sm_100 the out-of-line wait loops
branch backward too, from behind the end of the kernel.
"""

from __future__ import annotations

import math
import re
import struct
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

_INSTRUCTION = re.compile(
    r"/\*(?P<address>[0-9a-f]{4,8})\*/\s+(?:@!?U?P\w+\s+)?(?P<opcode>[A-Z][\w.]*)(?P<operands>[^;]*);"
)
_USAGE = re.compile(r"(REG|STACK|SHARED|LOCAL):(\d+)")
_ADDRESS = re.compile(r"0x([0-9a-f]+)")

_WARPGROUP_SHAPE = re.compile(r"HGMMA\.(\d+)x(\d+)x(\d+)")

SPILL_OPCODES = ("LDL", "STL")
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
            elif instruction.base == "HGMMA":  # four warps
                total += math.prod(warpgroup_shape(instruction)) * num_warps // 4
        return total

    @property
    def spill_instructions(self) -> int:
        """Loads and stores of local memory."""
        return sum(i.base in SPILL_OPCODES for i in self.instructions)


def warpgroup_shape(instruction: Instruction) -> tuple[int, int, int]:
    """Rows, columns and depth of a product that four warps make together."""
    shape = _WARPGROUP_SHAPE.search(instruction.opcode)
    if shape is None:
        raise ValueError(f"HGMMA: expected a shape such as 64x64x16, received {instruction.opcode}")
    m, n, k = (int(size) for size in shape.groups())
    return m, n, k


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


def read(cubins: Sequence[bytes], target: str) -> list[MachineCode]:
    """Disassemble cubins of one target, each of one kernel.

    Starting the disassembler costs more than what it does, so it is started once for all of them:
    their instructions are laid end to end, and the listing is cut at the same places.
    """
    codes = [_instructions_of(cubin) for cubin in cubins]
    number = int(target.removeprefix("sm_"))
    listing = _run(
        "nvdisasm", b"".join(codes), "--no-dataflow", "-b", f"SM{number}" + "a" * (number >= 90)
    )
    instructions = parse(listing)
    ends = list(accumulate(len(code) for code in codes))
    cut = [
        tuple(i for i in instructions if end - len(code) <= i.address < end)
        for code, end in zip(codes, ends, strict=True)
    ]
    usages = [usage(_run("cuobjdump", cubin, "--dump-resource-usage")) for cubin in cubins]
    return [
        MachineCode(*numbers, part, innermost_loop(part))
        for numbers, part in zip(usages, cut, strict=True)
    ]


def parse(listing: str) -> tuple[Instruction, ...]:
    """Return the instructions in a listing of ``nvdisasm`` or of ``cuobjdump -sass``."""
    return tuple(
        Instruction(int(m["address"], 16), m["opcode"], m["operands"])
        for m in _INSTRUCTION.finditer(listing)
    )


def usage(text: str) -> tuple[int, int, int]:
    """Registers, stack and local memory from ``cuobjdump --dump-resource-usage``."""
    numbers = {name: int(value) for name, value in _USAGE.findall(text)}
    missing = {"REG", "STACK", "LOCAL"} - set(numbers)
    if missing:
        raise ValueError(
            f"usage: expected REG, STACK and LOCAL, received none of {sorted(missing)}"
        )
    return numbers["REG"], numbers["STACK"], numbers["LOCAL"]


def _instructions_of(cubin: bytes) -> bytes:
    """Contents of the ELF sections named .text.*, in their order (ELF-64, little endian)."""
    (table,) = struct.unpack_from("<Q", cubin, 40)
    size, count, names = struct.unpack_from("<HHH", cubin, 58)
    headers = [struct.unpack_from("<IIQQQQ", cubin, table + i * size) for i in range(count)]
    strings = headers[names][4]
    return b"".join(
        cubin[offset : offset + length]
        for name, _, _, _, offset, length in headers
        if cubin.startswith(b".text.", strings + name)
    )


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
    for keys in (("MUFU",), ("FFMA", "FFMA2", "DFMA", "DMUL", "DMMA")):
        counts = [sum(i.base in keys for i in body) for body in bodies]
        if counts and max(counts) > 1:
            # More than one: a lone MUFU is a division or a root outside the tile.
            dense = [b for b, c in zip(bodies, counts, strict=True) if c > 1]
            return min(dense, key=len)
    return ()


def _run(name: str, content: bytes, *arguments: str) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(content)
        file.flush()
        command = [str(tool(name)), *arguments, file.name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
