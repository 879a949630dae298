"""Cost model: what bounds the innermost loop of a kernel, from counts and data-sheet rates.

All figures are estimates. Cycles are those of one streaming multiprocessor and one pair (i, j):

    special   MUFU results / 16 lanes
    issue     warp instructions / 4 schedulers
    float32   FADD, FMUL, FFMA, HADD2 results / float32 lanes
    float64   DADD, DMUL, DFMA results / float64 lanes
    convert   float32 to half-precision conversions / 64 lanes
    matrix    half-precision multiply-adds / tensor-core rate
    l2        bytes of columns read again by every row tile / share of the L2 bandwidth

The floor of a kernel is what its algorithm needs at least: the special-function results planned for
a pair, the tensor-core products or the float64 products, whichever take longest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rep4ex_kernels.offline.compiling import Compiled
from rep4ex_kernels.offline.sass import MachineCode

FLOAT64_OPCODES = ("DADD", "DMUL", "DFMA")

WARP = 32
SPECIAL_LANES = 16
SCHEDULERS = 4
CONVERT_LANES = 64


@dataclass(frozen=True)
class Architecture:
    """Data-sheet rates of one GPU; the L2 bandwidth is a rounded published measurement."""

    name: str
    multiprocessors: int
    clock_ghz: float
    float32_lanes: int
    float64_lanes: int
    matrix_fma: int  # half-precision multiply-adds a cycle and multiprocessor
    l2_gb_per_s: float
    shared_limit: int


# Shared memory that one block may take. The rows of sm_80 also serve compute capability 8.6, 8.9
# and 12, whose limit is below the 166912 bytes of an A100.
ARCHITECTURES = {
    "sm_80": Architecture("A100 SXM", 108, 1.41, 64, 32, 1024, 4000.0, 101376),
    "sm_90": Architecture("H100 SXM", 132, 1.755, 128, 64, 2048, 5500.0, 232448),
    "sm_100": Architecture("B200", 148, 1.85, 128, 64, 4096, 8000.0, 232448),
}


@dataclass(frozen=True)
class Estimate:
    """Cycles a pair and multiprocessor, by resource, and the floor they are compared with."""

    bounds: dict[str, float]
    floor: float
    issue_slots: float  # warp instructions for 32 pairs

    @property
    def limit(self) -> str:
        """The resource that bounds the loop."""
        return max(self.bounds, key=lambda name: self.bounds[name])

    @property
    def ratio(self) -> float:
        """Predicted cycles over the floor; infinite where nothing is planned, so no floor known."""
        return self.bounds[self.limit] / self.floor if self.floor else math.inf

    @property
    def bound(self) -> float:
        """Predicted cycles a pair and multiprocessor, in special-function results."""
        return self.bounds[self.limit] * SPECIAL_LANES

    def picoseconds(self, architecture: Architecture) -> float:
        """Predicted time of one pair on the whole device."""
        rate = architecture.multiprocessors * architecture.clock_ghz * 1e9
        return self.bounds[self.limit] / rate * 1e12


def tiles_a_pass(compiled: Compiled, code: MachineCode) -> int:
    """Tiles that one pass of the loop handles: 1, or more where the assembler unrolled it.

    Told from the tensor-core products, which no optimisation adds or removes.
    """
    fma = code.matrix_fma(compiled.case.num_warps)
    planned = compiled.case.matrix_fma * compiled.case.pairs
    return max(1, round(fma / planned)) if fma and planned else 1


def estimate(compiled: Compiled, code: MachineCode, architecture: Architecture) -> Estimate:
    """Bounds of a compiled pair kernel. ``case.pairs`` is the size of its tile."""
    case = compiled.case
    # One instruction of one warp, in instructions a pair.
    per_pair = case.num_warps / case.pairs / tiles_a_pass(compiled, code)
    lanes = per_pair * WARP
    mix = code.mix
    float32 = sum(mix[op] for op in ("FADD", "FMUL", "FFMA", "HADD2"))
    float32 += 2 * sum(mix[op] for op in ("FADD2", "FMUL2", "FFMA2"))  # pairs, on sm_100
    l2_bytes_per_cycle = architecture.l2_gb_per_s / architecture.clock_ghz
    matrix = case.matrix_fma / architecture.matrix_fma
    bounds = {
        "special": code.count("MUFU") * lanes / SPECIAL_LANES,
        "issue": len(code.loop) * per_pair / SCHEDULERS,
        "float32": float32 * lanes / architecture.float32_lanes,
        "float64": sum(mix[op] for op in FLOAT64_OPCODES) * lanes / architecture.float64_lanes,
        "convert": mix["F2FP"] * lanes / CONVERT_LANES,
        "matrix": matrix,
        "l2": case.bytes_per_pair * architecture.multiprocessors / l2_bytes_per_cycle,
    }
    products = case.float64_fma / architecture.float64_lanes
    floor = max((case.special or 0) / SPECIAL_LANES, matrix, products)
    return Estimate(bounds, floor, len(code.loop) * lanes)
