"""Block sizes, warps and pipeline depth of every Triton kernel. No autotuning at run time.

The rows were chosen with the cost model of ``rep4ex_kernels.offline``; ``python -m
rep4ex_kernels.offline`` compiles every one and checks it against its floor. They are estimates
until a GPU has timed them.
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


# {architecture: {(K, W): row}}: K the padded width of the points, 0 for direct distances; W the
# width of the weights. A tile of 128 rows halves the columns' L2 traffic against one of 64. Wide
# weights need eight warps to keep their sums in registers, except where the distance is direct and
# needs few itself.
_EIGHT_WARPS = Configuration(128, 64, 8, 3)
_FOUR_WARPS = Configuration(128, 64, 4, 3)
_PAIR_ROWS = {
    "sm_80": {
        (0, 32): Configuration(128, 32, 4, 2), (0, 64): _EIGHT_WARPS,
        (16, 32): _EIGHT_WARPS, (16, 64): _EIGHT_WARPS,
        (32, 32): _EIGHT_WARPS, (32, 64): _EIGHT_WARPS,
        (64, 32): _EIGHT_WARPS, (64, 64): _EIGHT_WARPS,
    },
    "sm_90": {
        (0, 32): _FOUR_WARPS, (0, 64): _FOUR_WARPS,
        (16, 32): _FOUR_WARPS, (16, 64): _EIGHT_WARPS,
        (32, 32): _FOUR_WARPS, (32, 64): _EIGHT_WARPS,
        (64, 32): _FOUR_WARPS, (64, 64): _EIGHT_WARPS,
    },
    "sm_100": {
        (0, 32): Configuration(128, 32, 4, 2), (0, 64): Configuration(128, 32, 8, 2),
        (16, 32): _FOUR_WARPS, (16, 64): _FOUR_WARPS,
        (32, 32): _FOUR_WARPS, (32, 64): _EIGHT_WARPS,
        (64, 32): Configuration(128, 64, 8, 2), (64, 64): _EIGHT_WARPS,
    },
    "gfx942": {
        (0, 32): Configuration(128, 32, 4, 2), (0, 64): Configuration(128, 32, 4, 2),
        (16, 32): Configuration(128, 32, 4, 2), (16, 64): Configuration(128, 32, 4, 2),
        (32, 32): Configuration(128, 32, 4, 2), (32, 64): Configuration(128, 32, 4, 2),
        (64, 32): Configuration(128, 32, 4, 2), (64, 64): Configuration(128, 32, 4, 2),
    },
}  # fmt: skip


# Least squares: rows (or nothing) and columns of a tile. The moments are a sum of outer products in
# float64, small enough for the FMA units: n (k + 1) (k + 1 + d) multiply-adds in all.
LEAST_SQUARES = {
    "moments": Configuration(4, 32, 8, 1),
    "solve": Configuration(0, 8, 8, 1),
    "residual": Configuration(64, 32, 4, 2),
}
LEAST_SQUARES_ROWS = 1024  # rows a program at least


def pair_configuration(architecture: str, k_width: int, width: int) -> Configuration:
    """The row of a kernel that visits all pairs: padded point width (0 direct), weight width."""
    return _PAIR_ROWS[architecture][k_width, width]


def radial_configuration(
    architecture: str, heavy: bool, k_width: int, width: int, precise: bool
) -> Configuration:
    """The row of a radial kernel; heavy ones keep a value and a weight tile alive beside m."""
    if heavy:
        return Configuration(128, 32, 8, 2) if k_width else Configuration(128, 32, 8, 1)
    if architecture == "sm_90" and (k_width, width) == (16, 64):
        return Configuration(128, 128, 8, 2)
    if architecture == "sm_80" and (k_width, width) == (0, 32) and precise:
        return Configuration(64, 32, 4, 2)
    if architecture == "sm_100":
        return _EIGHT_WARPS if k_width else Configuration(128, 32, 8, 2)
    return pair_configuration(architecture, k_width, width)


def least_squares_tile(height: int) -> tuple[int, int]:
    """(rows, target columns) of a moments tile, so that its float64 products stay in registers."""
    return max(LEAST_SQUARES["moments"].block_m, min(32, 256 // height)), 32 if height <= 64 else 16


def hsic_configuration(architecture: str, k_width: int) -> Configuration:
    """The row of the HSIC kernels, which keep two tiles of distances and two of weights alive."""
    if architecture == "sm_100" and k_width >= 32:
        return Configuration(64, 32, 4 if k_width == 32 else 8, 2)
    return Configuration(128, 32, 8, 2) if k_width else Configuration(128, 32, 8, 1)


def widest_weights(architecture: str, features: int) -> int:
    """Widest chunk of weight columns. More columns than that are further grid indices.

    On sm_80 a tile of direct differences with 64 columns of weights is computed twice, once for
    each half of the columns, so 32 columns cost the same and need fewer registers.
    """
    return 32 if architecture == "sm_80" and features <= 2 else 64


@functools.lru_cache
def architecture_of(device: torch.device) -> str:
    """The architecture whose rows a device uses: the newest one that is not newer than it."""
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
    return {8: "sm_80", 9: "sm_90"}.get(major, "sm_100")
