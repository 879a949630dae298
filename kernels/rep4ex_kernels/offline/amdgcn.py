"""Reads a kernel that was compiled for an AMD GPU, from its assembly and the metadata in it.

No instruction mix of the innermost loop and so no prediction: the cost model knows NVIDIA's rates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = re.compile(r"^\s*\.(\w+):\s+(\d+)\s*$", re.MULTILINE)
_NEEDED = ("vgpr_count", "vgpr_spill_count", "private_segment_fixed_size")


@dataclass(frozen=True)
class Assembly:
    """What the assembly of a kernel says about it."""

    registers: int  # vector registers a thread, accumulation registers included
    spilled: int  # vector registers that live in memory
    scratch: int  # bytes of private memory a thread
    matrix_instructions: int


def read(text: str) -> Assembly:
    """Assembly facts from the text that Triton keeps as "amdgcn"."""
    numbers = {name: int(value) for name, value in _NUMBER.findall(text)}
    missing = [name for name in _NEEDED if name not in numbers]
    if missing:
        raise ValueError(f"amdgcn: expected metadata {list(_NEEDED)}, received none of {missing}")
    registers, spilled, scratch = (numbers[name] for name in _NEEDED)
    matrix = len(re.findall(r"^\s*v_s?mfma_", text, re.MULTILINE))
    return Assembly(registers, spilled, scratch, matrix)
