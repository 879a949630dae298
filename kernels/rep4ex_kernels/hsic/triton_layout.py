"""Sizes and memory of what the kernels of one HSIC exchange."""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels._launch import scratch
from rep4ex_kernels._triton_pairs import (
    DIRECT,
    EVERY_FORM,
    multiprocessors,
    padded,
    power_of_two,
    split_width,
)
from rep4ex_kernels._triton_table import BLOCK, Configuration, architecture_of
from rep4ex_kernels.hsic.triton_prepare import state_size

ROW_SUMS = Configuration(64, 64, 4, 2)
WEIGHTED = Configuration(64, 32, 4, 2)
WHOLE = Configuration(64, 32, 8, 1)  # one program does everything

# Rows and columns of a problem up to which one program does everything, and its W: the weights of
# more columns at a time would not stay in registers. With two chunks it visits all pairs thrice.
FEW_ROWS, FEW_COLUMNS, WHOLE_TERMS = 512, 15, 16

# Above this sum of both widths the next columns are not loaded ahead: shared memory is too small.
WIDEST_PREFETCH = 128

# Columns of one chunk of the weights, each stored as two terms.
MOST_COLUMNS = 16

# Parts of the moments, rows of one, and rows of a tile of them.
MOST_PARTS, PART_ROWS, MOMENT_ROWS = 64, 128, 32


class Layout(NamedTuple):
    """Sizes of what the kernels of one call exchange."""

    tiles: int  # of BLOCK rows
    chunks: int  # of the weights of either sample
    parts: int  # of the moments
    rows_per_part: int
    forms: int  # FORMS
    unrolled: tuple[int, int]  # UX, UY: features of an unrolled loop, 0 for a loop over any number
    points: tuple[int, int]  # KX, KY: widths of the augmented product
    weights: tuple[int, int]  # WX, WY
    columns: tuple[int, int]  # DX, DY: columns of a tile of the moments
    stages: int  # of the second pass over all pairs


@functools.lru_cache(maxsize=256)
def layout_of(n: int, p: int, q: int) -> Layout:
    """Layout of n pairs of p and q features."""
    tiles = padded(n) // BLOCK
    if padded(n) * max(p, q) >= 2**31:
        raise ValueError(
            f"x and y: the Triton kernels take fewer than 2^31 numbers in one problem, received "
            f"{n} rows of {max(p, q)} columns; split the problem, or use backend='torch'"
        )
    per_part = max(PART_ROWS, -(-n // (MOST_PARTS * MOMENT_ROWS)) * MOMENT_ROWS)
    terms = tuple(min(power_of_two(2 * (d + 1), 16), 2 * MOST_COLUMNS) for d in (p, q))
    widths = split_width(p), split_width(q)
    return Layout(
        tiles,
        max(-(-2 * (d + 1) // w) for d, w in zip((p, q), terms, strict=True)),
        -(-n // per_part),
        per_part,
        EVERY_FORM if all(widths) else DIRECT,
        (p if p <= 2 else 0, q if q <= 2 else 0),
        widths,
        (terms[0], terms[1]),
        (min(power_of_two(p, 2), 32), min(power_of_two(q, 2), 32)),
        WEIGHTED.num_stages if sum(widths) <= WIDEST_PREFETCH else 1,
    )


class Sample(NamedTuple):
    """One of the two samples and the layouts of it that the kernels read."""

    raw: Tensor  # (B, n, d) float32
    bandwidth: Tensor  # (B,) float64
    moments: Tensor  # (B, parts, 2, d) float64
    state: Tensor  # (B, state_size) float64
    columns: Tensor  # (B, n_padded, K) float16
    planar: Tensor  # (B, d, n_padded) float32
    norms: Tensor  # (B, n_padded) float32
    largest: Tensor  # (B, tiles) float32
    weights: Tensor  # (B, chunks, n_padded, W) float16

    @property
    def pairs(self) -> tuple[Tensor, ...]:
        """What a kernel needs that visits all pairs, without the weights."""
        return self.state, self.columns, self.planar, self.norms, self.largest


def takes_one_program(n: int, p: int, q: int, device: torch.device) -> bool:
    """Say whether one program does everything. On AMD, where it would not fit, none does."""
    small = n <= FEW_ROWS and max(p, q) <= FEW_COLUMNS
    return small and architecture_of(device) != "gfx942"


def sample_of(raw: Tensor, bandwidth: Tensor, layout: Layout, side: int) -> Sample:
    """A sample with memory for its layouts."""
    batches, _, d = raw.shape
    rows = layout.tiles * BLOCK
    double = functools.partial(scratch, like=raw, dtype=torch.float64)
    half = functools.partial(scratch, like=raw, dtype=torch.float16)
    return Sample(
        raw,
        bandwidth,
        double((batches, layout.parts, 2, d)),
        double((batches, state_size(d))),
        half((batches, rows, max(layout.points[side], 1))),
        scratch((batches, d, rows), raw),
        scratch((batches, rows), raw),
        scratch((batches, layout.tiles), raw),
        half((batches, layout.chunks, rows, layout.weights[side])),
    )


def scratch_of_both(batches: int, like: Tensor, dtype: torch.dtype, *shape: int) -> Tensor:
    """Memory (B, 2, *shape) for what both samples have."""
    return scratch((batches, 2, *shape), like, dtype)


def tiles_per_program(tiles: int, programs: int, device: torch.device) -> int:
    """Tiles of a program that is linear in them, so that few rows still fill the device."""
    wanted = -(-4 * multiprocessors(device) // programs)
    return -(-tiles // min(tiles, wanted))
