"""MMD^2 and its gradients on the GPU: moments, prepare, pair, combine.

    MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y)       (Gretton et al. 2012, eq. 5 and 3)

The same kernels serve the energy distance, whose k is minus the distance. Points come as they are:
they are centred and scaled on the way. Four launches, or one for few rows; nothing waits for the
device, so a CUDA graph can hold it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels._launch import launch, on_its_device, scratch
from rep4ex_kernels._triton_pairs import (
    EVERY_FORM,
    check_float32,
    check_precision,
    column_splits,
    padded,
    power_of_two,
    split_width,
)
from rep4ex_kernels._triton_table import BLOCK, architecture_of
from rep4ex_kernels.mmd import triton_kernel as kernels
from rep4ex_kernels.mmd.triton_radial import AS_THEY_ARE
from rep4ex_kernels.mmd.triton_small import whole_kernel
from rep4ex_kernels.mmd.triton_state import (
    COLUMNS,
    DISTANCE,
    GAUSSIAN,
    GAUSSIAN_MIXTURE,
    IMQ,
    LAPLACE,
)

KINDS = {"gaussian": GAUSSIAN_MIXTURE.value, "laplace": LAPLACE.value, "imq": IMQ.value}

# Rows of a tile of pairs for each warp; rows of a part of the moments at least, and parts at most.
WARP_ROWS = 16
PART_ROWS, MOST_PARTS = 256, 64

# Rows of a sample, columns and Gaussian bandwidths up to which one program does everything, and the
# rows of a tile of pairs in it. Several inverse multiquadrics or Laplace kernels are left to four
# launches: with five of them some registers would be in memory on sm_80 and sm_100.
FEW_ROWS, FEW_COLUMNS, FEW_BANDWIDTHS, WHOLE_ROWS = 512, 15, 5, 64

# The assembler may use all registers of a thread. Where it is not told so, it keeps some values in
# memory for the sake of one more program a multiprocessor.
ALL_REGISTERS = 255


def mmd_pass(
    x: Tensor,
    y: Tensor,
    kernel: str,
    bandwidths: Tensor,
    unbiased: bool,
    precision: str = "precise",
) -> tuple[Tensor, Tensor, Tensor]:
    """MMD^2 (B,) and its gradients (B, n, d), (B, m, d); the mean over the bandwidths (B, q).

    Kernels exp(-r^2 / (2 h^2)), exp(-r / h) and (1 + r^2 / h^2)^(-1/2), r the Euclidean distance.
    x (B, n, d) and y (B, m, d) are float32, the bandwidths in their units.

    Raises:
        TypeError: samples of another dtype.
        ValueError: an unknown kernel or precision, or more rows than offsets reach.
    """
    if kernel not in KINDS:
        raise ValueError(f"kernel: expected one of {sorted(KINDS)}, received {kernel!r}")
    kind = KINDS[kernel]
    if kind == GAUSSIAN_MIXTURE.value and bandwidths.shape[1] == 1:
        kind = GAUSSIAN.value
    return radial_pass(x, y, kind, bandwidths.to(torch.float64), unbiased, precision)


@dataclass(frozen=True)
class Geometry:
    """Sizes of scratch memory and of launches, and the constants of the kernels."""

    tiles: tuple[int, int]  # of BLOCK padded rows, of x and of y
    parts: tuple[int, int]
    rows_per_part: int
    splits: tuple[int, int]
    tiles_per_split: int
    flat: bool
    k_width: int
    width: int
    chunks: int
    columns: int  # that are prepared at a time
    rows: int  # that are prepared at a time
    combined: tuple[int, int]  # rows and columns that are combined at a time
    block_m: int  # rows of a tile of pairs
    block_n: int  # its columns in the split form
    block_d: int  # and in the others
    stages: int  # of the pair kernel's loops; chosen so that no register spills

    @property
    def n_padded(self) -> int:
        """Padded rows of both samples."""
        return sum(self.tiles) * BLOCK


@functools.lru_cache(maxsize=256)
def geometry_of(batches: int, n: int, m: int, d: int, kind: int, device: torch.device) -> Geometry:
    """The geometry of a problem; kept, as working it out takes as long as a launch."""
    tiles = padded(n) // BLOCK, padded(m) // BLOCK
    padded(sum(tiles) * BLOCK)
    rows_per_part = max(PART_ROWS, -(-(n + m) // MOST_PARTS))
    flat = d <= 2 and kind in (LAPLACE.value, DISTANCE.value)
    width = 4 if flat else min(64, power_of_two(2 * (d + 1), 16))
    chunks = 1 if flat else -(-(d + 1) // (width // 2))
    k_width = 0 if flat else split_width(d)
    # Every tile of rows reads all columns again, so the more rows the better where registers allow.
    block_m = BLOCK if k_width == 32 and kind == GAUSSIAN.value else 64
    row_tiles = batches * sum(tiles) * (BLOCK // block_m)
    columns = max(tiles) * BLOCK
    _, per_split = column_splits(2 * row_tiles * chunks, columns, BLOCK, device)
    tiles_per_split = per_split // BLOCK
    prepared = min(64, power_of_two(d, 4))
    return Geometry(
        tiles=tiles,
        parts=(-(-n // rows_per_part), -(-m // rows_per_part)),
        rows_per_part=rows_per_part,
        splits=(-(-tiles[0] // tiles_per_split), -(-tiles[1] // tiles_per_split)),
        tiles_per_split=tiles_per_split,
        flat=flat,
        k_width=k_width,
        width=width,
        chunks=chunks,
        columns=prepared,
        rows=min(BLOCK, 512 // max(prepared, width // 2)),
        combined=(min(BLOCK, 256 // (width // 2)), width // 2),
        block_m=block_m,
        block_n=64 if kind == GAUSSIAN.value else 32,
        block_d=16 if flat or kind in (GAUSSIAN.value, GAUSSIAN_MIXTURE.value) else 32,
        stages=3 if block_m == BLOCK else 2,
    )


def takes_one_program(n: int, m: int, d: int, q: int, kind: int, device: torch.device) -> bool:
    """Say whether one program does everything. On AMD, where nobody looked at it, none does."""
    most = FEW_BANDWIDTHS if kind == GAUSSIAN_MIXTURE.value else 1
    small = max(n, m) <= FEW_ROWS and d <= FEW_COLUMNS and q <= most
    return small and architecture_of(device) != "gfx942"


@on_its_device
def radial_pass(
    x: Tensor, y: Tensor, kind: int, bandwidths: Tensor | None, unbiased: bool, precision: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The statistic of ``kind``, a mean over bandwidths (B, q) float64, and its gradients."""
    check_float32(x=x, y=y)
    (batches, n, d), m = x.shape, y.shape[1]
    precise = check_precision(precision, n + m)
    geometry = geometry_of(batches, n, m, d, kind, x.device)
    grad_x, grad_y = (torch.empty_like(t, memory_format=torch.contiguous_format) for t in (x, y))
    if batches == 0:
        return x.new_empty(0), grad_x, grad_y
    q = 1 if bandwidths is None else bandwidths.shape[1]
    if precise and takes_one_program(n, m, d, q, kind, x.device):
        value = _whole((x, y), (grad_x, grad_y), kind, bandwidths, unbiased, geometry)
    else:
        value = _launches((x, y), (grad_x, grad_y), kind, bandwidths, unbiased, precise, geometry)
    return value, grad_x, grad_y


class Memory(NamedTuple):
    """Scratch memory of the kernels, in the order in which they take it."""

    moments: Tensor
    state: Tensor
    rates: Tensor
    columns: Tensor
    planar: Tensor
    norms: Tensor
    weights: Tensor
    largest: Tensor
    weighted: Tensor
    sums: Tensor


def _memory(x: Tensor, q: int, parts: int, splits: int, g: Geometry) -> Memory:
    batches, _, d = x.shape
    n_padded = g.n_padded
    return Memory(
        moments=scratch((batches, parts, 2, d), x, torch.float64),
        state=scratch((batches, COLUMNS.value + 3 * d), x, torch.float64),
        rates=scratch((batches, q, 4), x),
        columns=scratch((batches, n_padded, max(g.k_width, 1)), x, torch.float16),
        planar=scratch((batches, d, n_padded), x),
        norms=scratch((batches, n_padded), x),
        weights=scratch((batches, g.chunks, n_padded, g.width), x, torch.float16),
        largest=scratch((batches, sum(g.tiles)), x),
        weighted=scratch((batches, splits, g.chunks, n_padded, g.width), x),
        sums=scratch((batches, splits, n_padded), x),
    )


def _launches(
    points: tuple[Tensor, Tensor],
    gradients: tuple[Tensor, Tensor],
    kind: int,
    bandwidths: Tensor | None,
    unbiased: bool,
    precise: bool,
    g: Geometry,
) -> Tensor:
    """Write the gradients; returns the values (B,)."""
    x, y = points
    (batches, n, d), m = x.shape, y.shape[1]
    q = 1 if bandwidths is None else bandwidths.shape[1]
    tiles, parts, splits = sum(g.tiles), sum(g.parts), sum(g.splits)
    size = COLUMNS.value + 3 * d
    memory = _memory(x, q, parts, splits, g)
    moments, state, rates, *operands, largest, weighted, sums = memory
    rows, chunk = g.combined
    values = scratch((batches, g.n_padded // rows), x, torch.float64)
    launch(
        kernels.moments_kernel, (batches, parts, -(-d // g.columns)),
        x, y, moments, n, m, d, g.parts[0], parts, g.rows_per_part,
        D=g.columns, ROWS=g.rows, num_warps=4, num_stages=1,
    )  # fmt: skip
    launch(
        kernels.prepare_kernel, (batches, tiles),
        x, y, moments if bandwidths is None else bandwidths, moments, state, rates, *operands,
        largest, n, m, d, *g.tiles, g.parts[0], parts, g.chunks, size,
        UNBIASED=unbiased, KIND=kind, Q=q, QP=power_of_two(q, 1), FLAT=g.flat,
        K=g.k_width, W=g.width, D=g.columns, ROWS=g.rows, num_warps=4, num_stages=1,
    )  # fmt: skip
    launch(
        kernels.pair_kernel, (batches * tiles * (BLOCK // g.block_m), splits, g.chunks),
        state, rates, *operands, largest, weighted, sums,
        n, m, d, *g.tiles, g.splits[0], splits, g.tiles_per_split, size,
        KIND=kind, Q=q, FLAT=g.flat, UNROLLED=d if d <= 2 else 0, K=g.k_width, W=g.width,
        PRECISE=precise, WAY=AS_THEY_ARE.value, FORMS=EVERY_FORM,
        BLOCK_M=g.block_m, BLOCK_N=g.block_n, BLOCK_D=g.block_d,
        num_warps=g.block_m // WARP_ROWS, num_stages=g.stages,
    )  # fmt: skip
    launch(
        kernels.combine_kernel, (batches, g.n_padded // rows),
        x, y, *gradients, state, largest, weighted, sums, values,
        n, m, d, *g.tiles, g.chunks, g.splits[0], splits, size,
        UNBIASED=unbiased, KIND=kind, Q=q, FLAT=g.flat, K=g.k_width, W=g.width,
        PRECISE=precise, D=chunk, ROWS=rows, num_warps=4, num_stages=1,
    )  # fmt: skip
    return values.sum(1).to(torch.float32)


def _whole(
    points: tuple[Tensor, Tensor],
    gradients: tuple[Tensor, Tensor],
    kind: int,
    bandwidths: Tensor | None,
    unbiased: bool,
    g: Geometry,
) -> Tensor:
    """Do the same in one launch, see `triton_small`."""
    x, y = points
    (batches, n, d), m = x.shape, y.shape[1]
    q = 1 if bandwidths is None else bandwidths.shape[1]
    memory = _memory(x, q, 2, 2, g)
    values = x.new_empty(batches)
    launch(
        whole_kernel, (batches,),
        x, y, *gradients, memory.moments if bandwidths is None else bandwidths, values, *memory,
        2, n, m, d, *g.tiles, g.chunks, COLUMNS.value + 3 * d,
        UNBIASED=unbiased, KIND=kind, Q=q, QP=power_of_two(q, 1), FLAT=g.flat,
        UNROLLED=d if d <= 2 else 0, K=g.k_width, W=g.width, D=g.columns, ROWS=g.rows,
        BLOCK_R=g.combined[0], BLOCK_M=WHOLE_ROWS, BLOCK_N=g.block_n, BLOCK_D=g.block_d,
        num_warps=WHOLE_ROWS // WARP_ROWS, num_stages=1, maxnreg=ALL_REGISTERS,
    )  # fmt: skip
    return values
