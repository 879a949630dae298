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
    pair_configuration,
    widest_weights,
)
from rep4ex_kernels.mmd import triton_kernel as mmd
from rep4ex_kernels.mmd.triton_impl import radial_family
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
            for precise in (False, True):
                yield _mmr_case(target, k, direct, width, precise)
            # Series: the split forms, and the direct form of more features than those take.
            if not direct or k == 0:
                yield _mmr_case(target, k, direct, width, True, series=True)


def _mmr_case(
    target: str, k: int, direct: bool, width: int, precise: bool, series: bool = False
) -> Case:
    config = pair_configuration(target, "product", k, width)
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
        row=("product", k, width),
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


# (K, is it direct, W) of the radial kernels, whose weights are the points and a one.
RADIAL_FORMS = (
    (1, True, 32), (2, True, 32), (0, True, 32), (0, True, 64),
    (16, False, 32), (16, False, 64), (32, False, 64), (64, False, 64),
)  # fmt: skip

RADIAL_NAMES = {
    mmd.GAUSSIAN: "mmd gaussian", mmd.GAUSSIAN_MIXTURE: "mmd gaussians", mmd.LAPLACE: "mmd laplace",
    mmd.IMQ: "mmd imq", mmd.DISTANCE: "energy", mmd.GAUSSIAN_SERIES: "mmd gaussian series",
    mmd.IMQ_SERIES: "mmd imq series",
}  # fmt: skip

# Special-function results a pair: those taken once, and those of each bandwidth.
RADIAL_SPECIAL = {
    mmd.GAUSSIAN: (1, 0), mmd.GAUSSIAN_MIXTURE: (0, 1), mmd.LAPLACE: (1, 1), mmd.IMQ: (0, 1),
    mmd.DISTANCE: (1, 0), mmd.GAUSSIAN_SERIES: (0, 0), mmd.IMQ_SERIES: (0, 2),
}  # fmt: skip
MIXTURE = 5  # bandwidths of the compiled mixture


def radial_cases(target: str) -> Iterator[Case]:
    """MMD and the energy distance: both modes of one Gaussian, the precise one of other kinds."""
    for k, direct, width in RADIAL_FORMS:
        for precise in (False, True):
            yield _radial_case(target, mmd.GAUSSIAN, k, direct, width, precise)
        for kind in RADIAL_NAMES:
            unrolled = radial_family(kind, direct, k or MAX_SPLIT_FEATURES) != "radial"
            if kind != mmd.GAUSSIAN and (unrolled or k not in (1, 2)):
                yield _radial_case(target, kind, k, direct, width, True)


def _radial_case(target: str, kind: int, k: int, direct: bool, width: int, precise: bool) -> Case:
    family = radial_family(kind, direct, k or MAX_SPLIT_FEATURES)
    config = pair_configuration(target, family, k, width)
    points = "*fp32" if direct else "*fp16"
    capped = kind == mmd.GAUSSIAN and not (direct and k == 0)
    flat = family == "flat"
    bandwidths = MIXTURE if kind == mmd.GAUSSIAN_MIXTURE else 1
    once, each = RADIAL_SPECIAL[kind]
    return Case(
        name=f"{RADIAL_NAMES[kind]} {form_name(k, direct)} W={width} "
        f"{'precise' if precise else 'fast'}",
        kernel=mmd.radial_kernel,
        signature={
            **POINT_ARGUMENTS, "points_ptr": points, "low_ptr": points, "weights_ptr": "*fp16",
            "rates_ptr": "*fp32", "level_ptr": "*fp32", "values_ptr": "*fp32",
            "n_padded": "i32", "k": "i32", "batches": "i32",
            "first_columns": "i32", "first_splits": "i32", "columns_per_split": "i32",
            "zero": "fp32",
        },
        constants={
            "DIRECT": direct, "K": k, "W": width, "PRECISE": precise, "KIND": kind, "FLAT": flat,
            "BANDWIDTHS": bandwidths, "ROUTE": ROUTE_DIRECT if direct else ROUTE_SPLIT,
            "CHUNK": CHUNK_COLUMNS, "BLOCK_M": config.block_m, "BLOCK_N": config.block_n,
        },
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        pairs=config.block_m * config.block_n,
        row=(family, k, width),
        special=once + each * bandwidths,
        matrix_fma=(0 if direct else 3 * k) + (0 if flat else (2 if precise else 1) * width),
        bytes_per_pair=column_bytes(k, width) / config.block_m,
        ratio_cap=(PRECISE_CAP if precise else FAST_CAP) if capped else None,
        aligned=(*SIZES, "first_columns"),
    )  # fmt: skip
