"""A case: one specialisation of one kernel and what its algorithm plans for a pair (i, j)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Largest throughput over the floor in the two modes, for cases that have a cap.
FAST_CAP, PRECISE_CAP = 1.1, 1.7


@dataclass(frozen=True)
class Case:
    """One kernel specialisation and what it plans for a pair."""

    name: str
    kernel: Any
    signature: dict[str, str]
    constants: dict[str, Any]
    num_warps: int
    num_stages: int
    pairs: int = 0  # pairs of the tile that one pass of the innermost loop handles; 0: not counted
    row: tuple[str, int, int] | None = None  # family, K and W of its row of the table
    special: int | None = None  # planned special-function results a pair; None: cannot be stated
    matrix_fma: float = 0.0  # planned half-precision multiply-adds a pair
    float64_fma: float = 0.0  # planned float64 multiply-adds a pair
    bytes_per_pair: float = 0.0  # column bytes read again by every row tile
    ratio_cap: float | None = None  # largest throughput over the floor, on sm_90
    resident_warps: int = 0  # that a multiprocessor must be able to hold of it as launched
    common: bool = False  # of a size that the quick gate prefers
    quick_targets: tuple[str, ...] | None = None  # where the quick gate may compile it; None: all
    aligned: tuple[str, ...] = field(default=())
    most_registers: int | None = None  # of a thread, where the launch says so

    def __str__(self) -> str:
        return self.name


def signature_of(kernel: Any, pointers: Mapping[str, str], floats: tuple[str, ...] = ()) -> Any:
    """Types of a kernel's arguments: pointers as given, numbers in ``floats``, else int32.

    Raises:
        ValueError: a pointer whose type is not given.
    """
    types = {}
    for parameter in kernel.params:
        name = parameter.name
        if parameter.is_constexpr:
            continue
        if name.endswith("_ptr"):
            if name not in pointers:
                raise ValueError(
                    f"{kernel.__name__}: expected the type of {name}, received those of "
                    f"{sorted(pointers)}; add it to the pointers of its cases"
                )
            types[name] = pointers[name]
        else:
            types[name] = "fp32" if name in floats else "i32"
    return types


def form_name(k: int, direct: bool) -> str:
    """How a form is called in tables."""
    return f"direct k={k or 'any'}" if direct else f"split K={k}"


def column_bytes(k: int, width: int) -> int:
    """Bytes of one column: point (float32, or two half-precision terms), norm and weights."""
    return 4 * k + 4 + 2 * width
