"""Cost model: what bounds the innermost loop of a kernel, from counts, data sheets and latencies.

All figures are estimates. Cycles are those of one streaming multiprocessor and one pair (i, j).
Throughput and latency are told apart. Throughput is the resource that takes longest:

    special   MUFU results / 16 lanes
    issue     warp instructions / 4 schedulers
    float32   FADD, FMUL, FFMA, HADD2 results / float32 lanes
    float64   DADD, DMUL, DFMA results / float64 lanes
    convert   float32 to half-precision conversions / 64 lanes
    matrix    half-precision multiply-adds / tensor-core rate
    l2        bytes of columns read again by every row tile / share of the L2 bandwidth

Latency is the time that one warp takes for a pass of the loop (``latency``) over the warps that a
scheduler can hold at a time, which registers, shared memory, tensor memory and the limits of the
multiprocessor decide. The prediction is the larger of the two, which takes for granted that warps
fill each other's waits as well as they can. Where they run in step instead, all of them wait for
the busiest resource together, and what a warp does besides comes on top.

The floor of a kernel is what its algorithm needs at least: the special-function results planned for
a pair, the tensor-core products or the float64 products, whichever take longest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rep4ex_kernels.offline.compiling import Compiled
from rep4ex_kernels.offline.latency import Units, cycles_a_pass
from rep4ex_kernels.offline.sass import MachineCode

FLOAT64_OPCODES = ("DADD", "DMUL", "DFMA")

WARP = 32
SPECIAL_LANES = 16
SCHEDULERS = 4
CONVERT_LANES = 64

# Of a multiprocessor: registers, blocks, columns of tensor memory. Registers are given out to a
# warp in units of 256, and a block's shared memory costs 1 KiB more than it asks for.
REGISTER_FILE = 65536
MAX_BLOCKS = 32
TENSOR_MEMORY_COLUMNS = 512
REGISTER_UNIT = 256
SHARED_RESERVED = 1024


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
    shared_limit: int  # bytes that one block may take
    shared_memory: int  # bytes of a multiprocessor
    max_warps: int

    @property
    def units(self) -> Units:
        """For how long one instruction of a warp keeps a unit of its scheduler busy."""
        return Units(
            float32=WARP * SCHEDULERS / self.float32_lanes,
            float64=WARP * SCHEDULERS / self.float64_lanes,
            special=WARP * SCHEDULERS / SPECIAL_LANES,
            convert=WARP * SCHEDULERS / CONVERT_LANES,
            matrix_fma=self.matrix_fma / SCHEDULERS,
        )


# The rows of sm_80 also serve compute capability 8.6, 8.9 and 12, where a block may take less than
# the 166912 bytes of an A100.
ARCHITECTURES = {
    "sm_80": Architecture("A100 SXM", 108, 1.41, 64, 32, 1024, 4000.0, 101376, 167936, 64),
    "sm_90": Architecture("H100 SXM", 132, 1.755, 128, 64, 2048, 5500.0, 232448, 233472, 64),
    "sm_100": Architecture("B200", 148, 1.85, 128, 64, 4096, 8000.0, 232448, 233472, 64),
}


@dataclass(frozen=True)
class Estimate:
    """Cycles a pair and multiprocessor, by resource and by latency, and the floor."""

    bounds: dict[str, float]
    latency: float
    warps: float  # that a scheduler can hold at a time
    floor: float
    issue_slots: float  # warp instructions for 32 pairs

    @property
    def limit(self) -> str:
        """The resource that bounds the throughput of the loop."""
        return max(self.bounds, key=lambda name: self.bounds[name])

    @property
    def throughput(self) -> float:
        """Cycles a pair that the busiest resource takes."""
        return self.bounds[self.limit]

    @property
    def predicted(self) -> float:
        """The larger of throughput and latency."""
        return max(self.throughput, self.latency)

    @property
    def in_step(self) -> float:
        """Cycles a pair where warps do not fill each other's waits."""
        alone = max(0.0, self.latency - self.throughput / self.warps)
        return self.throughput + alone

    def over_floor(self, cycles: float) -> float:
        """Cycles over the floor; infinite where nothing is planned, so no floor known."""
        return cycles / self.floor if self.floor else math.inf

    def picoseconds(self, architecture: Architecture) -> float:
        """Predicted time of one pair on the whole device."""
        rate = architecture.multiprocessors * architecture.clock_ghz * 1e9
        return self.predicted / rate * 1e12


def resident_warps(compiled: Compiled, registers: int, architecture: Architecture) -> int:
    """Warps of a kernel that a multiprocessor can hold at a time; 0: not even one block."""
    warps = compiled.case.num_warps
    each = -(-registers * WARP // REGISTER_UNIT) * REGISTER_UNIT
    blocks = min(
        REGISTER_FILE // SCHEDULERS // max(each, 1) * SCHEDULERS // warps,
        architecture.shared_memory // (compiled.shared_bytes + SHARED_RESERVED),
        architecture.max_warps // warps,
        MAX_BLOCKS,
    )
    if compiled.tensor_memory_columns:
        blocks = min(blocks, TENSOR_MEMORY_COLUMNS // compiled.tensor_memory_columns)
    return blocks * warps


def tiles_a_pass(compiled: Compiled, code: MachineCode) -> int:
    """Tiles that one pass of the loop handles: 1, or more where the assembler unrolled it.

    Told from the tensor-core products, which no optimisation adds or removes.
    """
    fma = code.matrix_fma(compiled.case.num_warps)
    planned = compiled.case.matrix_fma * compiled.case.pairs
    return max(1, round(fma / planned)) if fma and planned else 1


def estimate(compiled: Compiled, code: MachineCode, architecture: Architecture) -> Estimate:
    """Estimate of a compiled pair kernel. ``case.pairs`` is the size of its tile."""
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
    # As launched a kernel may need more registers than with the one form that is looked at here.
    warps = min(
        resident_warps(compiled, code.registers, architecture),
        case.resident_warps or architecture.max_warps,
    )
    warps = max(warps, 1)
    latency = cycles_a_pass(code.loop, architecture.units) * per_pair / warps
    return Estimate(bounds, latency, warps / SCHEDULERS, floor, len(code.loop) * lanes)
