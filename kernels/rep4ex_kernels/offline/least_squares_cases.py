"""Cases of batched least squares: moments, factorisation, fit and adjoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rep4ex_kernels._triton_table import BLOCK, LEAST_SQUARES
from rep4ex_kernels.offline.case import Case, signature_of
from rep4ex_kernels.residualize import triton_kernel as kernels
from rep4ex_kernels.residualize.triton_impl import geometry

POINTERS = {
    **dict.fromkeys(("actions_ptr", "targets_ptr", "weights_ptr", "upstream_ptr", "residual_ptr",
                     "coefficients_ptr", "to_coefficients_ptr", "gradient_ptr"), "*fp32"),
    **dict.fromkeys(("state_ptr", "gram_ptr", "cross_ptr", "squares_ptr"), "*fp64"),
    "flags_ptr": "*i32",
}  # fmt: skip
FLOATS = ("ridge", "tolerance", "constant_part", "eps", "factor")

# Actions and targets: one, few, and the most of every size of tile.
SIZES = ((1, 8), (4, 8), (16, 32), (32, 32), (64, 64))
COMMON = (4, 8)
WIDEST = 128  # rows of the moments


def least_squares_cases() -> Iterator[Case]:
    """Every kernel at every size, in each of its modes at the commonest."""
    for k, d in SIZES:
        modes = (False, True) if (k, d) == COMMON else (False,)
        for weighted in modes:
            yield _moments_case(k, d, centred=False, weighted=weighted)
            yield _factor_case(k, d, weighted)
            yield _adjoint_case(k, d, weighted)
        yield _moments_case(k, d, centred=True, weighted=False)
        yield _fit_case(k, d, centred=False, scaled=False, coefficients=True)
        yield _fit_case(k, d, centred=True, scaled=True, coefficients=False)


def _case(
    name: str, kernel: Any, part: str, k: int, constants: dict[str, Any], **plan: Any
) -> Case:
    config = LEAST_SQUARES[part]
    return Case(
        name=f"least squares {name}",
        kernel=kernel,
        signature=signature_of(kernel, POINTERS, FLOATS),
        constants=constants,
        num_warps=config.num_warps,
        num_stages=config.num_stages,
        common=k == COMMON[0],
        **plan,
    )


def _moments_case(k: int, d: int, centred: bool, weighted: bool) -> Case:
    """A pair is a product of one row, one feature and one target column.

    Weights are multiplied once for every copy of a row that the layout keeps, which is the
    compiler's choice, so no count is planned for them. It keeps two copies of 128 features.
    """
    shape = geometry(4 * BLOCK, k, d)
    mode = "centred " * centred + "weighted " * weighted
    return _case(
        f"{mode}moments k={k} d={d}", kernels.moments_kernel, "moments", k,
        {"CENTRED": centred, "WEIGHTED": weighted, "K": shape.height, "D": shape.tile,
         "BLOCK": shape.block},
        pairs=shape.height * shape.tile * shape.block, special=0,
        float64_fma=0 if weighted else (2 if shape.height == WIDEST else 1),
    )  # fmt: skip


def _factor_case(k: int, d: int, weighted: bool) -> Case:
    shape = geometry(4 * BLOCK, k, d)
    return _case(
        f"{'weighted ' * weighted}factor k={k}", kernels.factor_kernel, "factor", k,
        {"WEIGHTED": weighted, "NULL": True, "K": shape.features, "HEIGHT": shape.height},
    )  # fmt: skip


def _fit_case(k: int, d: int, centred: bool, scaled: bool, coefficients: bool) -> Case:
    shape = geometry(4 * BLOCK, k, d)
    mode = "centred " * centred + "scaled " * scaled
    return _case(
        f"{mode}fit k={k} d={d}", kernels.fit_kernel, "fit", k,
        {"CENTRED": centred, "SCALED": scaled, "COEFFICIENTS": coefficients, "K": shape.features,
         "HEIGHT": shape.height, "D": shape.tile, "BLOCK": LEAST_SQUARES["fit"].block_m},
    )  # fmt: skip


def _adjoint_case(k: int, d: int, weighted: bool) -> Case:
    shape = geometry(4 * BLOCK, k, d)
    return _case(
        f"{'weighted ' * weighted}adjoint k={k} d={d}", kernels.adjoint_kernel, "fit", k,
        {"WEIGHTED": weighted, "K": shape.features, "HEIGHT": shape.height, "D": shape.tile,
         "BLOCK": LEAST_SQUARES["fit"].block_m},
    )  # fmt: skip
