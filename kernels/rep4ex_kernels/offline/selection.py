"""Which cases the quick gate compiles: few, but every row, kernel, mode and cap."""

from __future__ import annotations

from collections.abc import Sequence

from rep4ex_kernels.offline.case import Case
from rep4ex_kernels.offline.compiling import AMD_TARGETS

# Constants of a kernel that are sizes; the others choose what it does.
_SIZES = {"K", "W", "BLOCK", "BLOCK_M", "BLOCK_N", "D", "CHUNK", "ROUTE"}


def coverage(case: Case, target: str) -> set[tuple[object, ...]]:
    """What compiling a case for a target shows: its variant, and its row where it has one.

    AMD has one row for all kernels. On sm_90 every case with a cap counts by itself.
    """
    mode = sorted((n, v) for n, v in case.constants.items() if n not in _SIZES)
    covered: set[tuple[object, ...]] = {("variant", case.kernel.__name__, *mode)}
    if target not in AMD_TARGETS:
        covered.add(("row", case.row or case.name))
    if target == "sm_90" and case.ratio_cap is not None:
        covered.add(("cap", case.name))
    return covered


def essential(cases: Sequence[Case], target: str) -> list[int]:
    """Indices of cases that cover between them all that all of them do.

    Always the case that shows most that is new, of several the one with most tensor-core products,
    which needs most registers.
    """
    covers = [coverage(case, target) for case in cases]
    left = set().union(*covers)
    chosen = []
    while left:
        best = max(range(len(cases)), key=lambda i: (len(covers[i] & left), cases[i].matrix_fma))
        left -= covers[best]
        chosen.append(best)
    return sorted(chosen)
