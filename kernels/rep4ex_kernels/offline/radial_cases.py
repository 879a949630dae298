"""Cases of MMD and the energy distance: the pair kernel, as launched and by form, and the rest.

As launched the pair kernel holds every form, so an innermost loop of it is one of several: such a
case is compiled for its registers, spills and memory only. The cost model reads the same kernel
with one form left, and several Gaussians in one way. Where one program does everything it must not
spill anywhere either.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from rep4ex_kernels._triton_pairs import DIRECT, EVERY_FORM, SERIES, SPLIT, power_of_two
from rep4ex_kernels._triton_table import BLOCK
from rep4ex_kernels.mmd.triton_impl import (
    ALL_REGISTERS,
    FEW_COLUMNS,
    WARP_ROWS,
    WHOLE_ROWS,
    Geometry,
    geometry_of,
)
from rep4ex_kernels.mmd.triton_kernel import (
    combine_kernel,
    moments_kernel,
    pair_kernel,
    prepare_kernel,
)
from rep4ex_kernels.mmd.triton_radial import AS_THEY_ARE, BY_SQUARING, ONE_BY_ONE
from rep4ex_kernels.mmd.triton_small import whole_kernel
from rep4ex_kernels.mmd.triton_state import (
    DISTANCE,
    GAUSSIAN,
    GAUSSIAN_MIXTURE,
    IMQ,
    LAPLACE,
)
from rep4ex_kernels.offline.case import FAST_CAP, Case, signature_of
from rep4ex_kernels.offline.compiling import AMD_TARGETS
from rep4ex_kernels.offline.selection import FULLEST

ONE, SEVERAL, LAPLACIAN, MULTIQUADRIC, ENERGY = (
    kind.value for kind in (GAUSSIAN, GAUSSIAN_MIXTURE, LAPLACE, IMQ, DISTANCE)
)
NAMES = {
    ONE: "mmd gaussian", SEVERAL: "mmd gaussians", LAPLACIAN: "mmd laplace",
    MULTIQUADRIC: "mmd imq", ENERGY: "energy",
}  # fmt: skip
FORM_NAMES = {EVERY_FORM: "pairs", SPLIT: "split", DIRECT: "direct", SERIES: "series"}
WAYS = {AS_THEY_ARE.value: "", BY_SQUARING.value: " squared", ONE_BY_ONE.value: " one by one"}
MIXTURE = 5  # bandwidths of a compiled mixture

# Features that lead to every width of the augmented product: 16 to 256, and none.
FEATURES = (4, 8, 16, 32, 64, 65)
COMMON = 8

# Warps of up to 8 features that a multiprocessor must be able to hold.
WARPS = 8

POINTERS = {
    **dict.fromkeys(("x_ptr", "y_ptr", "grad_x_ptr", "grad_y_ptr", "rates_ptr", "planar_ptr",
                     "norms_ptr", "largest_ptr", "weighted_ptr", "sums_ptr", "result_ptr"),
                    "*fp32"),
    **dict.fromkeys(("columns_ptr", "weights_ptr"), "*fp16"),
    **dict.fromkeys(("widths_ptr", "moments_ptr", "state_ptr", "values_ptr"), "*fp64"),
}  # fmt: skip

# Special-function results a pair: of a value and its weight, and in the series.
SPECIAL = {ONE: (1, 0), LAPLACIAN: (2, 1), MULTIQUADRIC: (2, 2), ENERGY: (1, 1)}


def radial_cases(target: str) -> Iterator[Case]:
    """Every case of MMD and the energy distance for a target."""
    yield from launched_cases()
    yield from form_cases()
    yield from beside_cases()
    if target not in AMD_TARGETS:  # where it is not launched
        yield from whole_cases()


def launched_cases() -> Iterator[Case]:
    """The pair kernel with every form."""
    for kind in NAMES:
        for features in FEATURES if kind == ONE else (2, COMMON, 32, 65):
            yield pair_case(kind, features, EVERY_FORM, True)
        yield pair_case(kind, COMMON, EVERY_FORM, False)
    yield pair_case(LAPLACIAN, 1, EVERY_FORM, True)
    yield pair_case(ENERGY, 1, EVERY_FORM, True)


def form_cases() -> Iterator[Case]:
    """The pair kernel with one form."""
    for features in FEATURES[:-1]:
        for precise in (True, False):
            yield pair_case(ONE, features, SPLIT, precise)
    for way in (BY_SQUARING, ONE_BY_ONE):
        yield pair_case(SEVERAL, COMMON, SPLIT, True, way.value)
    for kind in (LAPLACIAN, MULTIQUADRIC, ENERGY):
        yield pair_case(kind, COMMON, SPLIT, True)
    for kind in (ONE, LAPLACIAN, MULTIQUADRIC):
        yield pair_case(kind, COMMON, SERIES, True)
    for kind in (LAPLACIAN, ENERGY):
        for features in (1, 2):
            yield pair_case(kind, features, DIRECT, True)


def pair_case(
    kind: int, features: int, forms: int, precise: bool, way: int = AS_THEY_ARE.value
) -> Case:
    """The pair kernel of one kind of radial function with those forms in it."""
    g = _geometry(kind, features)
    q = MIXTURE if kind == SEVERAL else 1
    block_n = g.block_n if forms in (SPLIT, EVERY_FORM) and not g.flat else g.block_d
    warps = g.block_m // WARP_ROWS
    points = f"d={features}" if g.flat or not g.k_width else f"K={g.k_width}"
    products = g.k_width > 0 and forms in (SPLIT, SERIES)
    capped = kind == ONE and forms == SPLIT and features <= COMMON
    return Case(
        name=f"{NAMES[kind]} {FORM_NAMES[forms]}{WAYS[way]} {points} W={g.width} "
        f"{'precise' if precise else 'fast'}",
        kernel=pair_kernel,
        signature=signature_of(pair_kernel, POINTERS),
        constants={
            "KIND": kind, "Q": q, "FLAT": g.flat, "UNROLLED": features if features <= 2 else 0,
            "K": g.k_width, "W": g.width, "PRECISE": precise, "WAY": way, "FORMS": forms,
            "BLOCK_M": g.block_m, "BLOCK_N": g.block_n, "BLOCK_D": g.block_d,
        },
        num_warps=warps,
        num_stages=g.stages,
        pairs=g.block_m * block_n,
        row=(NAMES[kind], g.k_width, g.width),
        special=None if forms == EVERY_FORM else _special(kind, forms, way),
        matrix_fma=g.k_width + (2 if precise or kind == ONE else 1) * g.width if products else 0,
        bytes_per_pair=(2 * g.k_width if products else 4 * features) / g.block_m
        + (0 if g.flat else 2 * g.width / g.block_m),
        ratio_cap=FAST_CAP if capped else None,
        resident_warps=WARPS if features <= COMMON else 0,
        common=features == COMMON,
    )  # fmt: skip


def _special(kind: int, forms: int, way: int) -> int:
    if kind == SEVERAL:  # in a chain one exponential serves three bandwidths
        return -(-MIXTURE // 3) if way == BY_SQUARING.value else MIXTURE
    return SPECIAL[kind][int(forms == SERIES)]


def beside_cases() -> Iterator[Case]:
    """Moments, preparation and combination: few features, many, more than the split form takes."""
    for features in (2, COMMON, 64, 65):
        g = _geometry(ONE, features)
        yield Case(
            name=f"mmd moments d={features}",
            kernel=moments_kernel,
            signature=signature_of(moments_kernel, POINTERS),
            constants={"D": g.columns, "ROWS": g.rows},
            num_warps=4,
            num_stages=1,
            common=features == COMMON,
        )
        for kind in NAMES if features <= COMMON else (ONE,):
            yield _prepare_case(kind, features)
            yield _combine_case(kind, features)


def _prepare_case(kind: int, features: int) -> Case:
    g = _geometry(kind, features)
    q = MIXTURE if kind == SEVERAL else 1
    return Case(
        name=f"{NAMES[kind]} prepare d={features}",
        kernel=prepare_kernel,
        signature=signature_of(prepare_kernel, POINTERS),
        constants={
            "UNBIASED": True, "KIND": kind, "Q": q, "QP": power_of_two(q, 1), "FLAT": g.flat,
            "K": g.k_width, "W": g.width, "D": g.columns, "ROWS": g.rows,
        },
        num_warps=4,
        num_stages=1,
        common=features == COMMON,
    )  # fmt: skip


def _combine_case(kind: int, features: int) -> Case:
    g = _geometry(kind, features)
    rows, columns = g.combined
    return Case(
        name=f"{NAMES[kind]} combine d={features}",
        kernel=combine_kernel,
        signature=signature_of(combine_kernel, POINTERS),
        constants={
            "UNBIASED": True, "KIND": kind, "Q": MIXTURE if kind == SEVERAL else 1, "FLAT": g.flat,
            "K": g.k_width, "W": g.width, "PRECISE": True, "D": columns, "ROWS": rows,
        },
        num_warps=4,
        num_stages=1,
        common=features == COMMON,
    )  # fmt: skip


def whole_cases() -> Iterator[Case]:
    """Everything in one program."""
    for kind in NAMES:
        for features in (2, 4, COMMON, FEW_COLUMNS):
            yield _whole_case(kind, features)


def _whole_case(kind: int, features: int) -> Case:
    g = _geometry(kind, features)
    q = MIXTURE if kind == SEVERAL else 1
    return Case(
        name=f"{NAMES[kind]} whole d={features}",
        kernel=whole_kernel,
        signature=signature_of(whole_kernel, POINTERS),
        constants={
            "UNBIASED": True, "KIND": kind, "Q": q, "QP": power_of_two(q, 1), "FLAT": g.flat,
            "UNROLLED": features if features <= 2 else 0, "K": g.k_width, "W": g.width,
            "D": g.columns, "ROWS": g.rows, "BLOCK_R": g.combined[0],
            "BLOCK_M": WHOLE_ROWS, "BLOCK_N": g.block_n, "BLOCK_D": g.block_d,
        },
        num_warps=WHOLE_ROWS // WARP_ROWS,
        num_stages=1,
        row=("energy whole" if kind == ENERGY else "mmd whole", g.k_width, g.width),
        common=features == COMMON,
        most_registers=ALL_REGISTERS,
        # Each takes as long to compile as several others.
        quick_targets=None if kind in (ONE, ENERGY) and features == COMMON else (FULLEST,),
    )  # fmt: skip


def _geometry(kind: int, features: int) -> Geometry:
    return geometry_of(1, 4 * BLOCK, 4 * BLOCK, features, kind, torch.device("cpu"))
