"""Cases of the kernels that stand beside the kernel products: HSIC and least squares."""

from __future__ import annotations

from collections.abc import Iterator

from rep4ex_kernels._triton_helpers import CHUNK_COLUMNS, ROUTE_DIRECT, ROUTE_SPLIT, power_of_two
from rep4ex_kernels._triton_table import LEAST_SQUARES, least_squares_tile, pair_configuration
from rep4ex_kernels.hsic.triton_impl import WEIGHT_WIDTH
from rep4ex_kernels.hsic.triton_kernel import hsic_kernel, row_sums_kernel
from rep4ex_kernels.offline.case import Case, column_bytes, form_name
from rep4ex_kernels.residualize.triton_impl import (
    moments_kernel,
    residual_kernel,
    solve_kernel,
)

FLOAT32 = (
    "x_norms_ptr", "y_norms_ptr", "levels_ptr", "sums_ptr", "shifts_ptr", "x_partial_ptr",
    "y_partial_ptr", "values_ptr",
)  # fmt: skip
WIDEST_MOMENTS = 128
POINTS = ("x_ptr", "x_low_ptr", "y_ptr", "y_low_ptr")
SIZES = ("n_padded", "p", "q", "batches", "columns_per_split")


def hsic_cases(target: str) -> Iterator[Case]:
    """Both passes, in every form of the distances; sums of exponentials, of one series, of two."""
    for k in (16, 32, 64, 0):
        yield _hsic_case(target, row_sums_kernel, k, 0, False)
        for series in ((True, False), (True, True)):
            yield _hsic_case(target, row_sums_kernel, k, 0, True, series)
        for precise in (False, True):
            yield _hsic_case(target, hsic_kernel, k, WEIGHT_WIDTH, precise)
        for series in ((True, False), (True, True)):
            yield _hsic_case(target, hsic_kernel, k, WEIGHT_WIDTH, True, series)


def _hsic_case(
    target: str,
    kernel: object,
    k: int,
    width: int,
    precise: bool,
    series: tuple[bool, bool] = (False, False),
) -> Case:
    config = pair_configuration(target, "hsic", k, width)
    direct = k == 0
    what = "weights" if width else "row sums"
    mode = ("", " series K", " series K, L")[sum(series)]
    signature = {
        **dict.fromkeys(FLOAT32, "*fp32"),
        **dict.fromkeys(POINTS, "*fp32" if direct else "*fp16"),
        **dict.fromkeys(("x_weights_ptr", "y_weights_ptr"), "*fp16"),
        **dict.fromkeys(SIZES, "i32"),
        "route_ptr": "*i32",
    }
    names = kernel.arg_names  # type: ignore[attr-defined]
    weights = {"W": width, "PRECISE": precise} if width else {}
    return Case(
        name=f"hsic {what} {form_name(k, direct)}"
        + (f" W={width} {'precise' if precise else 'fast'}" if width else "")
        + mode,
        kernel=kernel,
        signature={name: kind for name, kind in signature.items() if name in names},
        constants={
            "DIRECT": direct, "K": k, "ROUTE": ROUTE_DIRECT if direct else ROUTE_SPLIT,
            "SERIES_X": series[0], "SERIES_Y": series[1], "CHUNK": CHUNK_COLUMNS,
            "BLOCK_M": config.block_m, "BLOCK_N": config.block_n, **weights,
        },
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        pairs=config.block_m * config.block_n,
        row=("hsic", k, width),
        special=2 - sum(series),
        matrix_fma=(0 if direct else 6 * k) + (4 if precise else 2) * width,
        bytes_per_pair=2 * column_bytes(k, width) / config.block_m,
        aligned=("n_padded", "columns_per_split"),
    )  # fmt: skip


def least_squares_cases() -> Iterator[Case]:
    """Moments and solution for few, some and many actions; the residual."""
    for k in (1, 15, 64):
        yield _moments_case(k, weighted=False)
        yield _moments_case(k, weighted=True)
        yield _solve_case(k)
    config = LEAST_SQUARES["residual"]
    yield Case(
        name="least squares residual",
        kernel=residual_kernel,
        signature={
            "targets_ptr": "*fp32", "actions_ptr": "*fp32", "coefficients_ptr": "*fp64",
            "residual_ptr": "*fp32", "n": "i32", "k": "i32", "d": "i32",
        },
        constants={"D": config.block_n, "BLOCK": config.block_m},
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        pairs=config.block_m * config.block_n,
        special=0,
        float64_fma=1,  # for each action, which is one pass of the loop
    )  # fmt: skip


def _moments_case(k: int, weighted: bool) -> Case:
    """A pair is a product of one row, one feature and one target column."""
    config = LEAST_SQUARES["moments"]
    height = power_of_two(k + 1, 2)
    block, width = least_squares_tile(height)
    return Case(
        name=f"least squares {'weighted ' if weighted else ''}moments k={k}",
        kernel=moments_kernel,
        signature={
            "actions_ptr": "*fp32", "targets_ptr": "*fp32", "weights_ptr": "*fp32",
            "partial_ptr": "*fp64", "n": "i32", "k": "i32", "d": "i32", "rows_per_part": "i32",
        },
        constants={"WEIGHTED": weighted, "K": height, "D": width, "BLOCK": block},
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        pairs=height * width * block,
        special=0,
        # Weights are multiplied once for every copy of a row that the layout keeps, which is the
        # compiler's choice, so no count is planned for them. It keeps two copies of 128 features.
        float64_fma=0 if weighted else (2 if height == WIDEST_MOMENTS else 1),
    )  # fmt: skip


def _solve_case(k: int) -> Case:
    """No plan: the passes of its loops pick a row or column by a masked sum over the whole matrix.

    How many additions that takes depends on the layout, and its roots and divisions in float64 are
    sequences that begin with a special function.
    """
    config = LEAST_SQUARES["solve"]
    height = power_of_two(k, 2)
    return Case(
        name=f"least squares solve k={k}",
        kernel=solve_kernel,
        signature={
            "moments_ptr": "*fp64", "actions_ptr": "*fp32", "coefficients_ptr": "*fp64",
            "dropped_ptr": "*i32", "pivots_ptr": "*fp64", "n": "i32", "k": "i32", "d": "i32",
            "height": "i32", "width": "i32", "ridge": "fp32", "tolerance": "fp32",
            "constant_part": "fp32",
        },
        constants={"K": height, "D": config.block_n},
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        pairs=height * config.block_n,
    )  # fmt: skip
