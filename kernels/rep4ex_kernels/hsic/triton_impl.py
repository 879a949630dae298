"""HSIC and its gradients on the GPU: moments, prepare, row sums, shifts, weighted sums, combine.

    HSIC = f sum_ij K_ij Lc_ij,   Lc_ij = L_ij - b_i - b_j,   d HSIC / d K_ij = f Lc_ij,

b an affine function of the row sums of L, and the same with the roles of K and L exchanged (Gretton
et al. 2005, eq. 9; Song et al. 2012, eq. 5). The first pass over all pairs sums the rows of K and
of L, the second accumulates the products of K Lc with [x, 1] and of L Kc with [y, 1] on the tensor
cores. Six launches, or one for few rows; no torch operation stands between them and nothing
waits. Which form of the distances a tile takes is decided on the device: ``triton_forms.py``.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels._launch import launch, on_its_device, scratch
from rep4ex_kernels._triton_pairs import (
    CHUNK_COLUMNS,
    EVERY_FORM,
    check_float32,
    check_precision,
    column_splits,
)
from rep4ex_kernels._triton_table import BLOCK
from rep4ex_kernels.hsic.triton_combine import combine_kernel
from rep4ex_kernels.hsic.triton_forms import row_sums_kernel
from rep4ex_kernels.hsic.triton_layout import (
    MOMENT_ROWS,
    ROW_SUMS,
    WEIGHTED,
    WHOLE,
    WHOLE_TERMS,
    Layout,
    Sample,
    layout_of,
    sample_of,
    scratch_of_both,
    takes_one_program,
    tiles_per_program,
)
from rep4ex_kernels.hsic.triton_prepare import moments_kernel, prepare_kernel, state_size
from rep4ex_kernels.hsic.triton_small import whole_kernel
from rep4ex_kernels.hsic.triton_weighted import SHIFT_ROWS, shifts_kernel, weighted_kernel


@on_its_device
def hsic_pass(
    x: Tensor,
    y: Tensor,
    bandwidth_x: Tensor,
    bandwidth_y: Tensor,
    unbiased: bool,
    precision: str = "precise",
) -> tuple[Tensor, Tensor, Tensor]:
    """HSIC (B,) and its gradients (B, n, p), (B, n, q); all float32 and contiguous.

    x (B, n, p) and y (B, n, q) float32, bandwidths (B,) float64, all contiguous.
    """
    check_float32(x=x, y=y)
    check_bandwidths(bandwidth_x=bandwidth_x, bandwidth_y=bandwidth_y)
    batches, n, p = x.shape
    precise = check_precision(precision, n)
    if x.numel() == 0 or y.numel() == 0:
        return x.new_zeros(batches), torch.zeros_like(x), torch.zeros_like(y)
    if takes_one_program(n, p, y.shape[2], x.device):
        return _whole(x, y, bandwidth_x, bandwidth_y, unbiased, precise)
    layout = layout_of(n, p, y.shape[2])
    a, b = sample_of(x, bandwidth_x, layout, 0), sample_of(y, bandwidth_y, layout, 1)
    _prepare(a, b, layout)
    sums = _row_sums(a, b, layout, precise)
    shifts = _shifts(a, b, sums, layout, unbiased, precise)
    products = _weighted(a, b, shifts, layout, precise)
    return _combine(a, b, shifts, products, layout, unbiased, precise)


def check_bandwidths(**bandwidths: Tensor) -> None:
    """Raise TypeError for a bandwidth that is not float64."""
    for name, bandwidth in bandwidths.items():
        if bandwidth.dtype != torch.float64:
            raise TypeError(
                f"{name}: the Triton kernels take bandwidths in float64, received "
                f"{bandwidth.dtype}; convert it"
            )


def _prepare(a: Sample, b: Sample, layout: Layout) -> None:
    batches, n, p = a.raw.shape
    q = b.raw.shape[2]
    dx, dy = layout.columns
    launch(
        moments_kernel, (batches, layout.parts, 2),
        a.raw, b.raw, a.moments, b.moments, layout.rows_per_part, n, p, q,
        DX=dx, DY=dy, ROWS=MOMENT_ROWS, num_warps=4, num_stages=1,
    )  # fmt: skip
    per_program = tiles_per_program(layout.tiles, 2 * batches, a.raw.device)
    launch(
        prepare_kernel, (batches, -(-layout.tiles // per_program), 2),
        *a, *b, layout.tiles, per_program, layout.chunks, layout.parts, n, p, q,
        KX=layout.points[0], KY=layout.points[1], WX=layout.weights[0], WY=layout.weights[1],
        DX=dx, DY=dy, BLOCK=BLOCK, num_warps=8, num_stages=1,
    )  # fmt: skip


class Sums(NamedTuple):
    """Row sums of both kernels and sums of those."""

    rows: Tensor  # (B, 2, splits, n_padded) float32
    totals: Tensor  # (B, 2, splits, row tiles) float64


def _row_sums(a: Sample, b: Sample, layout: Layout, precise: bool) -> Sums:
    batches, n, p = a.raw.shape
    row_tiles = -(-n // ROW_SUMS.block_m)
    programs = 2 * batches * row_tiles
    splits, per_split = column_splits(programs, n, ROW_SUMS.block_n, a.raw.device)
    sums = Sums(
        scratch((batches, 2, splits, layout.tiles * BLOCK), a.raw),
        scratch((batches, 2, splits, row_tiles), a.raw, torch.float64),
    )
    launch(
        row_sums_kernel, (batches * row_tiles, splits, 2),
        *a.pairs, *b.pairs, *sums, layout.tiles, row_tiles, per_split // ROW_SUMS.block_n,
        n, p, b.raw.shape[2],
        FORMS=EVERY_FORM, PRECISE=precise, UX=layout.unrolled[0], UY=layout.unrolled[1],
        KX=layout.points[0], KY=layout.points[1],
        BLOCK=BLOCK, BLOCK_M=ROW_SUMS.block_m, BLOCK_N=ROW_SUMS.block_n,
        num_warps=ROW_SUMS.num_warps, num_stages=ROW_SUMS.num_stages,
    )  # fmt: skip
    return sums


def _shifts(
    a: Sample, b: Sample, sums: Sums, layout: Layout, unbiased: bool, precise: bool
) -> Tensor:
    """Shifts (B, 2, n_padded) float32 that centre K and L."""
    batches, n, p = a.raw.shape
    rows = layout.tiles * BLOCK
    shifts = scratch((batches, 2, rows), a.raw)
    launch(
        shifts_kernel, (batches, rows // SHIFT_ROWS, 2),
        a.state, a.largest, b.state, b.largest, *sums, shifts,
        layout.tiles, sums.totals.shape[3], sums.totals.shape[2], n, p, b.raw.shape[2],
        UNBIASED=unbiased, PRECISE=precise, BLOCK=BLOCK, ROWS=SHIFT_ROWS,
        num_warps=4, num_stages=1,
    )  # fmt: skip
    return shifts


class Products(NamedTuple):
    """Partial sums of the second pass."""

    x: Tensor  # (splits, B, chunks, n_padded, WX) float32: K Lc [x, 1]
    y: Tensor  # (splits, B, chunks, n_padded, WY) float32: L Kc [y, 1]
    values: Tensor  # (B, splits, row tiles) float64: Kc Lc without the diagonal


def _weighted(a: Sample, b: Sample, shifts: Tensor, layout: Layout, precise: bool) -> Products:
    batches, n, p = a.raw.shape
    rows = layout.tiles * BLOCK
    row_tiles = -(-n // WEIGHTED.block_m)
    splits, per_split = column_splits(
        batches * row_tiles * layout.chunks, n, WEIGHTED.block_n, a.raw.device
    )
    shape = splits, batches, layout.chunks, rows
    products = Products(
        scratch((*shape, layout.weights[0]), a.raw),
        scratch((*shape, layout.weights[1]), a.raw),
        scratch((batches, splits, row_tiles), a.raw, torch.float64),
    )
    launch(
        weighted_kernel, (batches * row_tiles, splits, layout.chunks),
        *a.pairs, a.weights, *b.pairs, b.weights, shifts, *products,
        layout.tiles, row_tiles, per_split // WEIGHTED.block_n, batches, n, p, b.raw.shape[2],
        FORMS=layout.forms, UX=layout.unrolled[0], UY=layout.unrolled[1],
        KX=layout.points[0], KY=layout.points[1], WX=layout.weights[0], WY=layout.weights[1],
        PRECISE=precise, CHUNK=CHUNK_COLUMNS, BLOCK=BLOCK, BLOCK_M=WEIGHTED.block_m,
        BLOCK_N=WEIGHTED.block_n, num_warps=WEIGHTED.num_warps, num_stages=layout.stages,
    )  # fmt: skip
    return products


def _combine(
    a: Sample,
    b: Sample,
    shifts: Tensor,
    products: Products,
    layout: Layout,
    unbiased: bool,
    precise: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    batches, n, p = a.raw.shape
    splits, row_tiles = products.values.shape[1:]
    per_program = tiles_per_program(row_tiles, batches, a.raw.device)
    programs = -(-row_tiles // per_program)
    grad_x, grad_y = torch.empty_like(a.raw), torch.empty_like(b.raw)
    values = scratch((batches, programs), a.raw, torch.float64)
    launch(
        combine_kernel, (batches, programs),
        a.raw, a.state, a.columns, a.largest, a.weights, products.x, grad_x,
        b.raw, b.state, b.columns, b.largest, b.weights, products.y, grad_y,
        shifts, products.values, values,
        layout.tiles, row_tiles, per_program, batches, layout.chunks, splits, n, p, b.raw.shape[2],
        UNBIASED=unbiased, PRECISE=precise, KX=layout.points[0], KY=layout.points[1],
        WX=layout.weights[0], WY=layout.weights[1], BLOCK=BLOCK, BLOCK_M=WEIGHTED.block_m,
        num_warps=8, num_stages=1,
    )  # fmt: skip
    return values.sum(1, dtype=torch.float32), grad_x, grad_y


def _whole(
    x: Tensor, y: Tensor, bandwidth_x: Tensor, bandwidth_y: Tensor, unbiased: bool, precise: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Everything in one launch, see `triton_small`."""
    batches, n, p = x.shape
    q = y.shape[2]
    d = max(p, q)
    layout = layout_of(n, d, d)
    width, chunks = layout.points[0], -(-2 * (d + 1) // WHOLE_TERMS)
    rows = layout.tiles * BLOCK
    row_tiles = -(-n // WHOLE.block_m)
    both = functools.partial(scratch_of_both, batches, x)
    grad_x, grad_y, value = torch.empty_like(x), torch.empty_like(y), x.new_empty(batches)
    launch(
        whole_kernel, (batches,),
        x, y, bandwidth_x, bandwidth_y,
        both(torch.float64, 2 * d), both(torch.float64, state_size(d)),
        both(torch.float16, rows, width), both(torch.float32, d, rows),
        both(torch.float32, rows), both(torch.float32, layout.tiles),
        both(torch.float16, chunks, rows, WHOLE_TERMS),
        both(torch.float32, rows), both(torch.float64, row_tiles), both(torch.float32, rows),
        both(torch.float32, chunks, rows, WHOLE_TERMS),
        scratch((batches, row_tiles), x, torch.float64), grad_x, grad_y, value,
        2, layout.tiles, row_tiles, chunks, n, p, q,
        UNBIASED=unbiased, PRECISE=precise, K=width, W=WHOLE_TERMS, D=layout.columns[0],
        ROWS=MOMENT_ROWS, CHUNK=CHUNK_COLUMNS,
        BLOCK=BLOCK, BLOCK_M=WHOLE.block_m, BLOCK_N=WHOLE.block_n,
        num_warps=WHOLE.num_warps, num_stages=WHOLE.num_stages,
    )  # fmt: skip
    return value, grad_x, grad_y
