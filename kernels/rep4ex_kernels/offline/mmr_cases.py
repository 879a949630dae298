"""Cases of the MMR penalty: the pair kernel, as launched and in each form, and what surrounds it.

As launched the pair kernel holds every form, so an innermost loop of it is one of several: such a
case is compiled for its registers, spills and memory only. The cost model reads the same kernel
with one form left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rep4ex_kernels._triton_pairs import (
    CHUNK_COLUMNS,
    DIRECT,
    EVERY_FORM,
    PROGRAMS,
    SERIES,
    SPLIT,
    power_of_two,
)
from rep4ex_kernels._triton_table import BLOCK, LEAST_SQUARES, SMALL, pair_configuration
from rep4ex_kernels.mmr import triton_unbiased
from rep4ex_kernels.mmr.triton_impl import layout_of
from rep4ex_kernels.mmr.triton_kernel import combine_kernel, pair_kernel, prepare_kernel
from rep4ex_kernels.mmr.triton_small import whole_kernel
from rep4ex_kernels.offline.case import FAST_CAP, PRECISE_CAP, Case, signature_of
from rep4ex_kernels.offline.selection import FULLEST
from rep4ex_kernels.residualize.triton_impl import geometry

POINTERS = {
    **dict.fromkeys(("actions_ptr", "targets_ptr", "planar_ptr", "norms_ptr", "largest_ptr",
                     "scales_ptr", "partial_ptr", "product_ptr", "result_ptr", "singles_ptr"),
                    "*fp32"),
    **dict.fromkeys(("columns_ptr", "weights_ptr", "halves_ptr"), "*fp16"),
    **dict.fromkeys(("state_ptr", "cross_ptr", "squares_ptr", "bandwidth_ptr", "values_ptr",
                     "middle_ptr", "spread_ptr", "doubles_ptr"), "*fp64"),
    "flags_ptr": "*i32",
}  # fmt: skip
FLOATS = ("limit", "factor", "tolerance", "constant_part", "eps")

# (features, columns of values) that lead to every pair of widths: K is 16 up to 4 features, then
# 32, 64, 128, 256 and, above 64 features, none.
FEATURES, VALUES = (1, 2, 4, 9, 20, 31, 64, 65), (8, 16, 32)
COMMON = (4, 8)
WARPS = 4  # of a program with a tile of 64 rows


def mmr_cases(target: str) -> Iterator[Case]:
    """Every case of the MMR penalty for a target."""
    yield from launched_cases(target)
    yield from form_cases(target)
    yield from beside_cases()
    yield from unbiased_cases()
    for k, d in (COMMON, (7, 16)):
        yield whole_case(k, d)


def launched_cases(target: str) -> Iterator[Case]:
    """The pair kernel with every form, for every width of points and values."""
    yield from _once(
        pair_case(target, EVERY_FORM, k, d, precise)
        for k in FEATURES
        for d in VALUES
        for precise in _modes(d)
    )


def form_cases(target: str) -> Iterator[Case]:
    """The pair kernel with one form: products, direct differences, the series."""
    for k in FEATURES:
        few, many = k <= 2, k > FEATURES[-2]
        form = DIRECT if few or many else SPLIT
        yield from _once(
            pair_case(target, form, k, d, precise) for d in VALUES for precise in _modes(d)
        )
        if not few:  # the series is summed in two terms in either mode
            yield pair_case(target, SERIES, k, COMMON[1], True)


def _modes(d: int) -> tuple[bool, ...]:
    """Both modes for the commonest width of the values, for the others the costlier one."""
    return (True, False) if d == COMMON[1] else (True,)


def _once(cases: Iterable[Case]) -> Iterator[Case]:
    """Cases without those of a name that came before: many features share a width."""
    seen = set()
    for case in cases:
        if case.name not in seen:
            seen.add(case.name)
            yield case


def pair_case(target: str, forms: int, k: int, d: int, precise: bool) -> Case:
    """The pair kernel for k features and d columns of values, with those forms in it."""
    layout = layout_of(4 * BLOCK, k, d)
    width, terms, unrolled = layout.width, layout.terms, k if k <= 2 else 0
    config = pair_configuration(target, width, terms)
    launched, products = forms == EVERY_FORM, width > 0 and forms != DIRECT
    mode = "precise" if precise else "fast"
    weights = (2 if precise or forms == SERIES else 1) * terms
    # Warps of as many programs as the column splits count on where that is possible, or of half.
    programs = PROGRAMS if width + terms <= 64 and not unrolled else PROGRAMS // 2
    return Case(
        name=_pair_name(forms, unrolled, width) + f" W={terms} {mode}",
        kernel=pair_kernel,
        signature=signature_of(pair_kernel, POINTERS, FLOATS),
        constants={
            "FORMS": forms, "UNROLLED": unrolled, "K": width, "W": terms, "PRECISE": precise,
            "CHUNK": CHUNK_COLUMNS, "BLOCK": BLOCK,
            "BLOCK_M": config.block_m, "BLOCK_N": config.block_n,
        },
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        pairs=config.block_m * config.block_n,
        row=("product", width, terms),
        special=None if launched else int(forms != SERIES),
        matrix_fma=0 if launched else width * products + weights,
        bytes_per_pair=(2 * width * products + 4 * k * (not products) + 2 * terms) / config.block_m,
        ratio_cap=(PRECISE_CAP if precise else FAST_CAP) if forms == SPLIT else None,
        resident_warps=programs * WARPS,
        common=(k, d) == COMMON,
    )  # fmt: skip


def _pair_name(forms: int, unrolled: int, width: int) -> str:
    if forms == DIRECT:
        return f"mmr direct k={unrolled or 'any'}"
    points = f"K={width}" + (f" k={unrolled}" if unrolled else "")
    return {EVERY_FORM: "mmr pairs", SPLIT: "mmr split", SERIES: "mmr series"}[forms] + " " + points


def beside_cases() -> Iterator[Case]:
    """Preparation and combination: few actions, many, the most; U alone; values in float64."""
    for k, d in (COMMON, (16, 32), (64, 64)):
        for centred in (False, True) if (k, d) == COMMON else (False,):
            yield _prepare_case(k, d, centred=centred)
        yield _combine_case(k, d, moments=True)
    yield _prepare_case(*COMMON, basis=True)
    yield _prepare_case(*COMMON, residual=False)
    for precise in (True, False):
        yield _combine_case(*COMMON, moments=False, precise=precise)


def _prepare_case(
    k: int, d: int, centred: bool = False, residual: bool = True, basis: bool = False
) -> Case:
    layout, shape = layout_of(4 * BLOCK, k, d + (k + 1) * basis), geometry(4 * BLOCK, k, d)
    config = LEAST_SQUARES["prepare"]
    what = " centred" * centred + " with basis" * basis + " of values" * (not residual)
    pointers = POINTERS if residual else {**POINTERS, "targets_ptr": "*fp64"}
    return Case(
        name=f"mmr prepare{what} k={k} d={d}",
        kernel=prepare_kernel,
        signature=signature_of(prepare_kernel, pointers, FLOATS),
        constants={
            "CENTRED": centred, "RESIDUAL": residual, "BASIS": basis,
            "K": layout.width, "W": layout.terms, "F": shape.features if residual else 2,
            "HEIGHT": shape.height if residual else 1, "D": layout.tile,
            "BLOCK": BLOCK, "BLOCK_R": config.block_m,
        },
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        common=(k, d) == COMMON,
    )  # fmt: skip


def _combine_case(k: int, d: int, moments: bool, precise: bool = True) -> Case:
    layout, shape = layout_of(4 * BLOCK, k, d), geometry(4 * BLOCK, k, d)
    config = LEAST_SQUARES["moments"]
    what = " without moments" * (not moments) + " fast" * (not precise)
    return Case(
        name=f"mmr combine{what} k={k} d={d}",
        kernel=combine_kernel,
        signature=signature_of(combine_kernel, POINTERS, FLOATS),
        constants={
            "MOMENTS": moments, "PRECISE": precise, "W": layout.terms,
            "HEIGHT": shape.height if moments else 1, "D": layout.tile,
            "BLOCK_R": shape.block if moments else 32, "BLOCK": BLOCK,
        },
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        common=(k, d) == COMMON,
    )  # fmt: skip


def unbiased_cases() -> Iterator[Case]:
    """The U-statistic's diagonal and its gradient: few columns, and the most that fit."""
    most = triton_unbiased.MOST_ACTIONS, triton_unbiased.MOST_VALUES
    for k, d in (COMMON, most):
        layout = layout_of(4 * BLOCK, k, d + k + 1)
        columns, basis = power_of_two(d, 2), power_of_two(k + 1, 2)
        for kernel, name in (
            (triton_unbiased.diagonal_kernel, "diagonal"),
            (triton_unbiased.without_diagonal_kernel, "without diagonal"),
        ):
            height = {"HEIGHT": geometry(4 * BLOCK, k, d).height}
            yield Case(
                name=f"mmr {name} k={k} d={d}",
                kernel=kernel,
                signature=signature_of(kernel, POINTERS, FLOATS),
                constants={
                    "W": layout.terms, "D": columns, "Q": basis, "CHUNKS": layout.chunks,
                    "BLOCK_R": max(2, min(32, 4096 // (basis * max(basis, columns)))),
                    "BLOCK": BLOCK, **(height if name != "diagonal" else {}),
                },
                num_warps=8,
                num_stages=1,
                common=(k, d) == COMMON,
            )  # fmt: skip


def whole_case(k: int, d: int) -> Case:
    """Everything in one program, for few rows."""
    layout, shape = layout_of(4 * BLOCK, k, d), geometry(4 * BLOCK, k, d)
    return Case(
        name=f"mmr whole k={k} d={d}",
        kernel=whole_kernel,
        signature=signature_of(whole_kernel, POINTERS, FLOATS),
        constants={
            "UNROLLED": 0, "K": layout.width, "W": layout.terms, "F": shape.features,
            "HEIGHT": shape.height, "T": shape.tile, "D": layout.tile,
            "BLOCK_T": max(2, shape.block // 2), "CHUNK": CHUNK_COLUMNS, "BLOCK": BLOCK,
            "BLOCK_R": 32, "BLOCK_M": SMALL.block_m, "BLOCK_N": SMALL.block_n, "FORMS": EVERY_FORM,
        },
        num_warps=SMALL.num_warps,
        num_stages=SMALL.num_stages,
        # It takes as long to compile as all others of this op.
        quick_targets=(FULLEST,) if (k, d) == COMMON else (),
    )  # fmt: skip
