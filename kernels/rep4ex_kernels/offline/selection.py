"""Which cases the quick gate compiles: few, and of the commonest sizes where there is a choice.

On one target they show everything that a launch can be, and every value of every constant that is
no size; on the others, that each kernel can be compiled.
"""

from __future__ import annotations

from collections.abc import Sequence

from rep4ex_kernels.offline.case import Case

# The target on which every value of every mode is compiled. On the others each kernel is.
FULLEST = "sm_90"

# Constants of a kernel that are sizes; the others choose what it does.
SIZES = {
    "K", "W", "F", "D", "T", "Q", "QP", "KX", "KY", "WX", "WY", "DX", "DY", "UX", "UY", "UNROLLED",
    "HEIGHT", "ROWS", "CHUNK", "CHUNKS", "BLOCK", "BLOCK_M", "BLOCK_N", "BLOCK_D", "BLOCK_R",
    "BLOCK_T",
}  # fmt: skip


def coverage(case: Case, target: str) -> set[tuple[object, ...]]:
    """What compiling a case for a target shows."""
    kernel = case.kernel.fn.__module__, case.kernel.__name__
    covered: set[tuple[object, ...]] = {("kernel", *kernel)}
    if target == FULLEST:
        if case.special is None and case.row is not None:
            covered.add(("launched", case.row[0]))
        covered |= {(*kernel, *constant) for constant in modes(case)}
    return covered


def modes(case: Case) -> set[tuple[str, object]]:
    """What a case has its kernel do: names and values of the constants that are no sizes."""
    return {(name, value) for name, value in case.constants.items() if name not in SIZES}


def essential(cases: Sequence[Case], target: str) -> list[int]:
    """Indices of cases that cover between them all that those which may be compiled cover.

    Always the case that shows most that is new, of several one of a common size, or else the first.
    """
    allowed = [
        i for i, c in enumerate(cases) if c.quick_targets is None or target in c.quick_targets
    ]
    covers = {i: coverage(cases[i], target) for i in allowed}
    left = set().union(*covers.values())
    chosen = []
    while left:
        best = max(allowed, key=lambda i: (len(covers[i] & left), cases[i].common))
        left -= covers[best]
        chosen.append(best)
    return sorted(chosen)
