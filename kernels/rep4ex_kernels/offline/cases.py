"""What the gate compiles: every kernel, with every row of the configuration table.

The checks compare the machine code of a case with what it plans for a pair: special-function
results, tensor-core multiply-adds and bytes of columns.
"""

from __future__ import annotations

from collections.abc import Iterator

from rep4ex_kernels._triton_helpers import (
    CHUNK_COLUMNS,
    MAX_SPLIT_FEATURES,
    ROUTE_DIRECT,
    ROUTE_SERIES,
    ROUTE_SPLIT,
)
from rep4ex_kernels._triton_table import (
    Configuration,
    pair_configuration,
    radial_configuration,
    widest_weights,
)
from rep4ex_kernels.mmd import triton_kernel as mmd
from rep4ex_kernels.mmd.triton_impl import is_flat
from rep4ex_kernels.mmr.triton_impl import kernel_product_kernel
from rep4ex_kernels.offline.case import Case, column_bytes, form_name
from rep4ex_kernels.offline.moment_cases import hsic_cases, least_squares_cases

POINT_ARGUMENTS = {"norms_ptr": "*fp32", "partial_ptr": "*fp32", "route_ptr": "*i32"}
SIZES = ("n_padded", "columns_per_split")

# (K of the direct form or width of the split form, is it direct). K = 0 loops over any k.
FORMS = ((1, True), (2, True), (0, True), (16, False), (32, False), (64, False))
WIDTHS = (32, 64)
FAST_CAP, PRECISE_CAP = 1.1, 1.7


def all_cases(target: str) -> list[Case]:
    """Every case for a target, ops in the order of the design."""
    return [
        *mmr_cases(target),
        *radial_cases(target),
        *hsic_cases(target),
        *least_squares_cases(),
    ]


def mmr_cases(target: str) -> Iterator[Case]:
    """The Gaussian kernel product in every form, width and mode."""
    for k, direct in FORMS:
        for width in widths(target, k, direct):
            config = pair_configuration(target, 0 if direct else k, width)
            for precise in (False, True):
                yield _mmr_case(k, direct, width, precise, config)
    # Series: its split forms, and the direct form of more features than those take.
    for k, direct in ((16, False), (64, False), (0, True)):
        config = pair_configuration(target, 0 if direct else k, 32)
        yield _mmr_case(k, direct, 32, True, config, series=True)


def _mmr_case(
    k: int, direct: bool, width: int, precise: bool, config: Configuration, series: bool = False
) -> Case:
    points = "*fp32" if direct else "*fp16"
    uncapped = series or (direct and k == 0)
    mode = "series" if series else ("precise" if precise else "fast")
    route = ROUTE_SERIES if series else (ROUTE_DIRECT if direct else ROUTE_SPLIT)
    return Case(
        name=f"mmr {form_name(k, direct)} W={width} {mode}",
        kernel=kernel_product_kernel,
        signature={
            **POINT_ARGUMENTS, "points_ptr": points, "low_ptr": points, "weights_ptr": "*fp16",
            "slope_ptr": "*fp32",
            "n_padded": "i32", "k": "i32", "batches": "i32", "columns_per_split": "i32",
        },
        constants={
            "DIRECT": direct, "K": k, "W": width, "PRECISE": precise, "CHUNK": CHUNK_COLUMNS,
            "SERIES": series, "ROUTE": route, "BLOCK_M": config.block_m, "BLOCK_N": config.block_n,
        },
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        pairs=config.block_m * config.block_n,
        special=0 if series else 1,
        matrix_fma=(0 if direct else 3 * k) + (2 if precise else 1) * width,
        bytes_per_pair=column_bytes(k, width) / config.block_m,
        ratio_cap=None if uncapped else (PRECISE_CAP if precise else FAST_CAP),
        aligned=SIZES,
    )  # fmt: skip


def widths(target: str, k: int, direct: bool) -> tuple[int, ...]:
    """Widths of the weights that the launcher uses for a form."""
    widest = widest_weights(target, k if direct and k else MAX_SPLIT_FEATURES)
    return tuple(width for width in WIDTHS if width <= widest)


def radial_cases(target: str) -> Iterator[Case]:
    """MMD and the energy distance: every form for one Gaussian, one form for every other kind."""
    for k, direct in FORMS:
        if direct and k == 0:
            continue  # more than 64 features: below
        for width in WIDTHS[:1] if direct else widths(target, k, direct):
            for precise in (False, True):
                yield _radial_case(target, mmd.GAUSSIAN, k, direct, width, precise)
    for kind in (mmd.GAUSSIAN_MIXTURE, mmd.LAPLACE, mmd.IMQ, mmd.DISTANCE, mmd.GAUSSIAN_SERIES):
        yield _radial_case(target, kind, 16, False, 32, True)
    for kind in (mmd.LAPLACE, mmd.DISTANCE):
        yield _radial_case(target, kind, 2, True, 32, True)
    yield _radial_case(target, mmd.IMQ, 2, True, 32, True)
    yield _radial_case(target, mmd.GAUSSIAN, 0, True, 64, True)


RADIAL_NAMES = {
    mmd.GAUSSIAN: "mmd gaussian", mmd.GAUSSIAN_MIXTURE: "mmd gaussians", mmd.LAPLACE: "mmd laplace",
    mmd.IMQ: "mmd imq", mmd.DISTANCE: "energy", mmd.GAUSSIAN_SERIES: "mmd gaussian series",
}  # fmt: skip

# Special-function results a pair: without and for each bandwidth, whose loop is the innermost one.
RADIAL_SPECIAL = {mmd.GAUSSIAN: 1, mmd.DISTANCE: 1}


def _radial_case(target: str, kind: int, k: int, direct: bool, width: int, precise: bool) -> Case:
    heavy = kind != mmd.GAUSSIAN
    config = radial_configuration(target, heavy, 0 if direct else k, width, precise)
    points = "*fp32" if direct else "*fp16"
    capped = kind == mmd.GAUSSIAN and not (direct and k == 0)
    flat = is_flat(kind, direct, k) and k > 0
    route = ROUTE_DIRECT if direct else ROUTE_SPLIT
    return Case(
        name=f"{RADIAL_NAMES[kind]} {form_name(k, direct)} W={width} "
        f"{'precise' if precise else 'fast'}",
        kernel=mmd.radial_kernel,
        signature={
            **POINT_ARGUMENTS, "points_ptr": points, "low_ptr": points, "weights_ptr": "*fp16",
            "rates_ptr": "*fp32", "level_ptr": "*fp32", "values_ptr": "*fp32",
            "n_padded": "i32", "k": "i32", "batches": "i32", "bandwidths": "i32",
            "first_columns": "i32", "first_splits": "i32", "columns_per_split": "i32",
            "zero": "fp32",
        },
        constants={
            "DIRECT": direct, "K": k, "W": width, "PRECISE": precise, "KIND": kind, "FLAT": flat,
            "ROUTE": ROUTE_SERIES if kind == mmd.GAUSSIAN_SERIES else route,
            "CHUNK": CHUNK_COLUMNS, "BLOCK_M": config.block_m, "BLOCK_N": config.block_n,
        },
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        pairs=config.block_m * config.block_n,
        special=RADIAL_SPECIAL.get(kind, 0),
        matrix_fma=(0 if direct else 3 * k) + (0 if flat else (2 if precise else 1) * width),
        bytes_per_pair=column_bytes(k, width) / config.block_m,
        ratio_cap=(PRECISE_CAP if precise else FAST_CAP) if capped else None,
        aligned=(*SIZES, "first_columns"),
    )  # fmt: skip
