"""What the gate compiles: every kernel, with its launch parameters.

The checks compare the machine code of a case with what it plans for a pair: special-function
results, tensor-core multiply-adds and bytes of columns.
"""

from __future__ import annotations

from rep4ex_kernels.offline.case import Case
from rep4ex_kernels.offline.hsic_cases import hsic_cases
from rep4ex_kernels.offline.least_squares_cases import least_squares_cases
from rep4ex_kernels.offline.mmr_cases import mmr_cases
from rep4ex_kernels.offline.radial_cases import radial_cases


def all_cases(target: str) -> list[Case]:
    """Every case for a target."""
    return [
        *mmr_cases(target),
        *radial_cases(target),
        *hsic_cases(target),
        *least_squares_cases(),
    ]
