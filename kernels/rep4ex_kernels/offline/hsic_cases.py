"""Cases of HSIC: both passes over all pairs, as launched and in each form, and what surrounds them.

As launched a pass holds every form, so an innermost loop of it is one of several: such a case is
compiled for its registers, spills and memory only. The cost model reads the same kernel with one
form left. The direct form has a loop over features inside the one over pairs: no plan for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rep4ex_kernels._triton_pairs import CHUNK_COLUMNS, DIRECT, EVERY_FORM, SERIES, SPLIT
from rep4ex_kernels._triton_table import BLOCK
from rep4ex_kernels.hsic.triton_combine import combine_kernel
from rep4ex_kernels.hsic.triton_forms import row_sums_kernel
from rep4ex_kernels.hsic.triton_layout import (
    MOMENT_ROWS,
    ROW_SUMS,
    WEIGHTED,
    WHOLE,
    WHOLE_TERMS,
    layout_of,
)
from rep4ex_kernels.hsic.triton_prepare import moments_kernel, prepare_kernel
from rep4ex_kernels.hsic.triton_small import whole_kernel
from rep4ex_kernels.hsic.triton_weighted import SHIFT_ROWS, shifts_kernel, weighted_kernel
from rep4ex_kernels.offline.case import FAST_CAP, PRECISE_CAP, Case, signature_of
from rep4ex_kernels.offline.compiling import AMD_TARGETS
from rep4ex_kernels.offline.selection import FULLEST

_SINGLE = (
    "ptr", "planar_ptr", "norms_ptr", "largest_ptr", "partial_ptr", "gradient_ptr",
)  # fmt: skip
_DOUBLE = "bandwidth_ptr", "moments_ptr", "state_ptr"
_HALF = "columns_ptr", "weights_ptr"
POINTERS = {
    **{f"{side}_{name}": "*fp32" for side in "xy" for name in _SINGLE},
    **{f"{side}_{name}": "*fp64" for side in "xy" for name in _DOUBLE},
    **{f"{side}_{name}": "*fp16" for side in "xy" for name in _HALF},
    **dict.fromkeys(("sums_ptr", "shifts_ptr", "result_ptr", *_SINGLE[1:5]), "*fp32"),
    **dict.fromkeys(("totals_ptr", "values_ptr", "out_ptr", *_DOUBLE[1:]), "*fp64"),
    **dict.fromkeys(_HALF, "*fp16"),
}  # fmt: skip

# Features of x and of y that lead to every pair of equal widths, and to unequal ones.
FEATURES = ((4, 4), (4, 8), (8, 8), (16, 16), (33, 33), (64, 64), (65, 4), (1, 2))
COMMON = (4, 8)
FORM_NAMES = {EVERY_FORM: "", SPLIT: " split", SERIES: " series", DIRECT: " direct"}


def hsic_cases(target: str) -> Iterator[Case]:
    """Every case of HSIC for a target."""
    for p, q in FEATURES:
        yield _row_sums_case(EVERY_FORM, p, q)
        for precise in (True, False):
            yield _weighted_case(EVERY_FORM, p, q, precise)
        yield from _beside_cases(p, q)
    for form in (SPLIT, SERIES, DIRECT):
        yield _row_sums_case(form, *COMMON)
        for precise in (True, False) if form != DIRECT else (True,):
            yield _weighted_case(form, *COMMON, precise)
    yield _weighted_case(SPLIT, 16, 16, True)
    if target not in AMD_TARGETS:  # where it is not launched
        for p, q in (COMMON, (15, 15)):
            yield _whole_case(p, q)


def _row_sums_case(form: int, p: int, q: int) -> Case:
    layout = layout_of(8 * BLOCK, p, q)
    counted = form in (SPLIT, SERIES)
    return Case(
        name=f"hsic row sums{FORM_NAMES[form]} p={p} q={q}",
        kernel=row_sums_kernel,
        signature=signature_of(row_sums_kernel, POINTERS),
        constants={
            "FORMS": form, "PRECISE": True,
            "UX": layout.unrolled[0], "UY": layout.unrolled[1],
            "KX": layout.points[0], "KY": layout.points[1],
            "BLOCK": BLOCK, "BLOCK_M": ROW_SUMS.block_m, "BLOCK_N": ROW_SUMS.block_n,
        },
        num_warps=ROW_SUMS.num_warps,
        num_stages=ROW_SUMS.num_stages,
        pairs=ROW_SUMS.block_m * ROW_SUMS.block_n if counted else 0,
        row=("hsic", layout.points[0], 0),
        special=1 if counted else None,
        bytes_per_pair=2 * layout.points[0] / ROW_SUMS.block_m,
        ratio_cap=FAST_CAP if form == SPLIT else None,
        common=(p, q) == COMMON,
    )  # fmt: skip


def _weighted_case(form: int, p: int, q: int, precise: bool) -> Case:
    layout = layout_of(8 * BLOCK, p, q)
    counted = form in (SPLIT, SERIES)
    width, terms = sum(layout.points), sum(layout.weights)
    return Case(
        name=f"hsic weighted{FORM_NAMES[form]} p={p} q={q} {'precise' if precise else 'fast'}",
        kernel=weighted_kernel,
        signature=signature_of(weighted_kernel, POINTERS),
        constants={
            "FORMS": form if form != EVERY_FORM else layout.forms,
            "UX": layout.unrolled[0], "UY": layout.unrolled[1],
            "KX": layout.points[0], "KY": layout.points[1],
            "WX": layout.weights[0], "WY": layout.weights[1],
            "PRECISE": precise, "CHUNK": CHUNK_COLUMNS,
            "BLOCK": BLOCK, "BLOCK_M": WEIGHTED.block_m, "BLOCK_N": WEIGHTED.block_n,
        },
        num_warps=WEIGHTED.num_warps,
        num_stages=layout.stages,
        pairs=WEIGHTED.block_m * WEIGHTED.block_n if counted else 0,
        row=("hsic", layout.points[0], layout.weights[0]),
        special=2 if counted else None,
        matrix_fma=width + (2 if precise else 1) * terms if counted else 0,
        bytes_per_pair=2 * (width + terms) / WEIGHTED.block_m,
        ratio_cap=PRECISE_CAP if form == SPLIT and (p, q) == COMMON else None,
        common=(p, q) == COMMON,
    )  # fmt: skip


def _beside_cases(p: int, q: int) -> Iterator[Case]:
    """What is linear in the number of rows."""
    layout = layout_of(8 * BLOCK, p, q)
    columns: dict[str, Any] = {"DX": layout.columns[0], "DY": layout.columns[1]}
    points = {"KX": layout.points[0], "KY": layout.points[1]}
    weights = {"WX": layout.weights[0], "WY": layout.weights[1]}
    yield _linear_case("moments", moments_kernel, p, q, {**columns, "ROWS": MOMENT_ROWS}, 4)
    constants = {**points, **weights, **columns, "BLOCK": BLOCK}
    yield _linear_case("prepare", prepare_kernel, p, q, constants, 8)
    for unbiased in (False, True):
        modes = {"UNBIASED": unbiased, "PRECISE": True}
        name = " unbiased" if unbiased else ""
        if (p, q) == COMMON:
            constants = {**modes, "BLOCK": BLOCK, "ROWS": SHIFT_ROWS}
            yield _linear_case(f"shifts{name}", shifts_kernel, p, q, constants, 4)
        constants = {**modes, **points, **weights, "BLOCK": BLOCK, "BLOCK_M": WEIGHTED.block_m}
        yield _linear_case(f"combine{name}", combine_kernel, p, q, constants, 8)


def _linear_case(
    name: str, kernel: Any, p: int, q: int, constants: dict[str, Any], warps: int
) -> Case:
    return Case(
        name=f"hsic {name} p={p} q={q}",
        kernel=kernel,
        signature=signature_of(kernel, POINTERS),
        constants=constants,
        num_warps=warps,
        num_stages=1,
        common=(p, q) == COMMON,
    )


def _whole_case(p: int, q: int) -> Case:
    d = max(p, q)
    layout = layout_of(2 * BLOCK, d, d)
    return Case(
        name=f"hsic whole p={p} q={q}",
        kernel=whole_kernel,
        signature=signature_of(whole_kernel, POINTERS),
        constants={
            "UNBIASED": False, "PRECISE": True, "K": layout.points[0], "W": WHOLE_TERMS,
            "D": layout.columns[0], "ROWS": MOMENT_ROWS, "CHUNK": CHUNK_COLUMNS, "BLOCK": BLOCK,
            "BLOCK_M": WHOLE.block_m, "BLOCK_N": WHOLE.block_n,
        },
        num_warps=WHOLE.num_warps,
        num_stages=WHOLE.num_stages,
        # It takes as long to compile as all others of this op.
        quick_targets=(FULLEST,) if (p, q) == COMMON else (),
    )  # fmt: skip
