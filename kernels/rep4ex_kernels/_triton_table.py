"""Block sizes, warps and pipeline depth of the Triton kernels. No autotuning at run time.

Few rules, as no GPU has chosen between them. `python -m rep4ex_kernels.offline` checks what can be
checked without one: no register in memory, shared memory that fits, and room for several programs a
multiprocessor, which hide each other's waits.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch

# Rows are padded to a multiple of this; every block size below divides it.
BLOCK = 128


@dataclass(frozen=True)
class Configuration:
    """Launch parameters of one kernel variant."""

    block_m: int
    block_n: int
    num_warps: int
    num_stages: int


# AMD: no disassembler is shipped, so all that is known of this row is that it compiles.
_AMD_ROW = Configuration(128, 32, 4, 2)


# Least squares: rows (or nothing) and columns of a tile. The moments are a sum of outer products in
# float64, small enough for the FMA units: n (k + 1) (k + 1 + d) multiply-adds in all.
LEAST_SQUARES = {
    "moments": Configuration(0, 0, 8, 1),
    "factor": Configuration(0, 0, 8, 1),
    "fit": Configuration(64, 0, 4, 1),
    "prepare": Configuration(32, 0, 4, 1),
}

# One program a problem of few rows.
SMALL = Configuration(64, 64, 8, 1)


def pair_configuration(architecture: str, k_width: int, width: int) -> Configuration:
    """Of a kernel that visits all pairs: K of the augmented product, W of the values' two terms.

    Tiles of 64 by 64, so that a thread needs no more than 128 registers and four programs fit a
    multiprocessor where points and values are narrow. Every tile of rows reads all columns again:
    wide ones keep the L2 cache of an H100 busier than its arithmetic, and are shared by twice the
    rows and warps there. A third stage lets the copy of a tile take a whole pass of the loop; with
    two it is waited for. It costs shared memory, of which there is too little for several programs
    from K = 128 on, and on sm_80 registers for its addresses.
    """
    if architecture == "gfx942":
        return _AMD_ROW
    wide = k_width + width > 48
    stages = 2 if k_width >= 128 or (architecture == "sm_80" and wide) else 3
    if architecture == "sm_90" and wide:
        return Configuration(128, 64, 8, stages)
    return Configuration(64, 64, 4, stages)


def least_squares_tile(height: int) -> tuple[int, int]:
    """(rows, target columns) of a moments tile, so that its float64 products stay in registers."""
    return max(2, min(32, 256 // height)), 32 if height <= 64 else 16


@functools.lru_cache
def architecture_of(device: torch.device) -> str:
    """The architecture whose rows a device uses.

    Compute capability 12 has no tensor memory and no more shared memory than 8.6: it takes the rows
    of sm_80.
    """
    if device.type != "cuda":
        return "sm_90"  # the interpreter runs any row
    if torch.version.hip:
        return "gfx942"
    major, minor = torch.cuda.get_device_capability(device)
    if major < 8:
        raise RuntimeError(
            f"device: the Triton kernels need compute capability 8.0 or higher, received "
            f"{major}.{minor}; use backend='torch'"
        )
    return {9: "sm_90", 10: "sm_100", 11: "sm_100"}.get(major, "sm_80")
