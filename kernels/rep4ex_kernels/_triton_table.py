"""Block sizes, warps and pipeline depth of every Triton kernel. No autotuning at run time.

The rows were chosen with the cost model of ``rep4ex_kernels.offline``: ``python -m
rep4ex_kernels.offline.choose`` compiles the candidates for every row and names those it finds more
than 3 % better, and ``python -m rep4ex_kernels.offline`` checks every row against its floor. They
are estimates until a GPU has timed them.
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


# {architecture: {family: {(K, W): row}}}. Families: "product" the Gaussian kernel product of MMR,
# "gaussian" MMD with one Gaussian bandwidth, "radial" every other radial kernel and the series,
# "flat" distances of one or two features, "hsic" both passes of HSIC. K is the kernels' constant:
# 1, 2 or 0 (any) features in the direct form, the padded width in the split form; W is the width of
# the weights, 0 where there are none.
_C = Configuration
_PAIR_ROWS: dict[str, dict[str, dict[tuple[int, int], Configuration]]] = {
    "sm_80": {
        "product": {
            (1, 32): _C(128, 32, 4, 2), (2, 32): _C(128, 32, 4, 2), (0, 32): _C(128, 32, 4, 2),
            (0, 64): _C(128, 64, 8, 3), (16, 32): _C(128, 64, 8, 3), (16, 64): _C(128, 64, 8, 3),
            (32, 32): _C(128, 64, 8, 3), (32, 64): _C(128, 64, 8, 3), (64, 32): _C(128, 64, 8, 3),
            (64, 64): _C(128, 64, 8, 3),
        },
        "gaussian": {
            (1, 32): _C(128, 32, 4, 2), (2, 32): _C(128, 64, 4, 2), (0, 32): _C(64, 32, 4, 2),
            (0, 64): _C(128, 64, 8, 3), (16, 32): _C(128, 64, 8, 3), (16, 64): _C(128, 64, 8, 3),
            (32, 64): _C(128, 64, 8, 3), (64, 64): _C(128, 64, 8, 3),
        },
        "radial": {
            (0, 32): _C(128, 32, 8, 1), (0, 64): _C(128, 32, 8, 1), (16, 32): _C(128, 32, 8, 2),
            (16, 64): _C(128, 32, 8, 2), (32, 64): _C(128, 32, 8, 2), (64, 64): _C(128, 32, 8, 2),
        },
        "flat": {
            (1, 32): _C(128, 32, 8, 1), (2, 32): _C(128, 32, 8, 1),
        },
        "hsic": {
            (0, 0): _C(128, 32, 8, 1), (0, 32): _C(128, 32, 8, 1), (16, 0): _C(128, 32, 8, 2),
            (16, 32): _C(128, 32, 8, 2), (32, 0): _C(128, 32, 8, 2), (32, 32): _C(128, 32, 8, 2),
            (64, 0): _C(128, 32, 8, 2), (64, 32): _C(128, 32, 8, 2),
        },
    },
    "sm_90": {
        "product": {
            (1, 32): _C(128, 64, 4, 3), (1, 64): _C(128, 64, 4, 3), (2, 32): _C(128, 64, 4, 3),
            (2, 64): _C(128, 64, 4, 3), (0, 32): _C(128, 64, 4, 3), (0, 64): _C(128, 64, 4, 3),
            (16, 32): _C(128, 64, 4, 3), (16, 64): _C(128, 64, 8, 3), (32, 32): _C(128, 64, 4, 3),
            (32, 64): _C(128, 64, 8, 3), (64, 32): _C(128, 64, 4, 3), (64, 64): _C(128, 64, 8, 3),
        },
        "gaussian": {
            (1, 32): _C(128, 64, 4, 3), (2, 32): _C(128, 64, 4, 3), (0, 32): _C(128, 32, 8, 2),
            (0, 64): _C(128, 32, 8, 2), (16, 32): _C(128, 64, 4, 3), (16, 64): _C(128, 128, 8, 2),
            (32, 64): _C(128, 64, 8, 3), (64, 64): _C(128, 64, 8, 3),
        },
        "radial": {
            (0, 32): _C(128, 32, 4, 2), (0, 64): _C(128, 32, 8, 1), (16, 32): _C(128, 64, 4, 2),
            (16, 64): _C(128, 32, 4, 2), (32, 64): _C(128, 64, 8, 2), (64, 64): _C(128, 64, 8, 2),
        },
        "flat": {
            (1, 32): _C(128, 32, 8, 1), (2, 32): _C(128, 32, 8, 1),
        },
        "hsic": {
            (0, 0): _C(128, 32, 8, 1), (0, 32): _C(128, 32, 8, 1), (16, 0): _C(128, 32, 8, 2),
            (16, 32): _C(128, 32, 8, 2), (32, 0): _C(128, 32, 8, 2), (32, 32): _C(128, 32, 8, 2),
            (64, 0): _C(128, 32, 8, 2), (64, 32): _C(128, 32, 8, 2),
        },
    },
    "sm_100": {
        "product": {
            (1, 32): _C(128, 64, 4, 2), (1, 64): _C(128, 64, 4, 2), (2, 32): _C(128, 64, 4, 2),
            (2, 64): _C(128, 64, 4, 2), (0, 32): _C(128, 32, 4, 2), (0, 64): _C(128, 32, 4, 2),
            (16, 32): _C(128, 64, 4, 3), (16, 64): _C(128, 64, 4, 2), (32, 32): _C(128, 64, 4, 3),
            (32, 64): _C(128, 64, 8, 3), (64, 32): _C(128, 32, 4, 2), (64, 64): _C(128, 32, 4, 2),
        },
        "gaussian": {
            (1, 32): _C(128, 64, 4, 3), (2, 32): _C(128, 64, 4, 2), (0, 32): _C(128, 32, 4, 2),
            (0, 64): _C(128, 32, 4, 2), (16, 32): _C(128, 32, 4, 2), (16, 64): _C(128, 64, 8, 3),
            (32, 64): _C(128, 64, 8, 3), (64, 64): _C(128, 64, 8, 3),
        },
        "radial": {
            (0, 32): _C(128, 64, 8, 2), (0, 64): _C(128, 32, 4, 2), (16, 32): _C(128, 32, 8, 2),
            (16, 64): _C(128, 32, 8, 2), (32, 64): _C(128, 32, 8, 2), (64, 64): _C(64, 32, 4, 1),
        },
        "flat": {
            (1, 32): _C(128, 32, 8, 1), (2, 32): _C(128, 32, 8, 1),
        },
        "hsic": {
            (0, 0): _C(128, 32, 8, 1), (0, 32): _C(128, 32, 8, 1), (16, 0): _C(128, 32, 8, 2),
            (16, 32): _C(128, 32, 8, 2), (32, 0): _C(128, 64, 8, 2), (32, 32): _C(128, 32, 8, 1),
            (64, 0): _C(128, 64, 8, 2), (64, 32): _C(128, 32, 8, 1),
        },
    },
}  # fmt: skip

# AMD: no disassembler is shipped, so all that is known of this row is that it compiles.
_AMD_ROW = Configuration(128, 32, 4, 2)


# Least squares: rows (or nothing) and columns of a tile. The moments are a sum of outer products in
# float64, small enough for the FMA units: n (k + 1) (k + 1 + d) multiply-adds in all.
LEAST_SQUARES = {
    "moments": Configuration(0, 0, 8, 1),
    "factor": Configuration(0, 0, 8, 1),
    "fit": Configuration(64, 0, 4, 1),
    "prepare": Configuration(32, 0, 8, 1),
}

# One program a problem of few rows.
SMALL = Configuration(64, 64, 8, 1)


def pair_configuration(architecture: str, family: str, k_width: int, width: int) -> Configuration:
    """The row of a kernel that visits all pairs: family, constant K, width of the weights."""
    if architecture == "gfx942":
        return _AMD_ROW
    if family == "product":
        return Configuration(64, 64, 4, 2)
    return _PAIR_ROWS[architecture][family][k_width, width]


def least_squares_tile(height: int) -> tuple[int, int]:
    """(rows, target columns) of a moments tile, so that its float64 products stay in registers."""
    return max(2, min(32, 256 // height)), 32 if height <= 64 else 16


def widest_weights(architecture: str, features: int) -> int:
    """Widest chunk of weight columns. More columns than that are further grid indices.

    On sm_80 a tile of direct differences with 64 columns of weights is computed twice, once for
    each half of the columns, so 32 columns cost the same and need fewer registers.
    """
    return 32 if architecture == "sm_80" and features <= 2 else 64


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
