"""A case: one specialisation of one kernel and what its algorithm plans for a pair (i, j)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One kernel specialisation and what it plans for a pair."""

    name: str
    kernel: Any
    signature: dict[str, str]
    constants: dict[str, Any]
    num_warps: int
    num_stages: int
    pairs: int  # pairs of the tile that one pass of the innermost loop handles
    row: tuple[str, int, int] | None = None  # family, K and W of its row of the table
    special: int | None = None  # planned special-function results a pair; None: cannot be stated
    matrix_fma: float = 0.0  # planned half-precision multiply-adds a pair
    float64_fma: float = 0.0  # planned float64 multiply-adds a pair
    bytes_per_pair: float = 0.0  # column bytes read again by every row tile
    ratio_cap: float | None = None  # largest predicted cycles over the floor, on sm_90
    aligned: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.name


def form_name(k: int, direct: bool) -> str:
    """How a form is called in tables."""
    return f"direct k={k or 'any'}" if direct else f"split K={k}"


def column_bytes(k: int, width: int) -> int:
    """Bytes of one column: point (float32, or two half-precision terms), norm and weights."""
    return 4 * k + 4 + 2 * width
