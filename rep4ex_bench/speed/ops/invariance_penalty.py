"""`InvariancePenalty`: the MMR penalty with all that depends on the actions alone made once.

See `_penalty` for the formula.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from rep4ex_bench.speed.naive import least_squares, penalty
from rep4ex_bench.speed.ops._counts import Counts
from rep4ex_bench.speed.ops._inputs import representation
from rep4ex_bench.speed.ops._op import LINEAR_SIZES, Shapes
from rep4ex_bench.speed.ops._penalty import Penalty
from rep4ex_bench.speed.problem import Problem, Size, Tensors
from rep4ex_kernels import InvariancePenalty


class InvariancePenaltyOp(Penalty):
    """The penalty where the actions are those of every call: they are a constant."""

    name = "invariance_penalty"
    title = "maximum moment restriction, actions known beforehand"
    position = 3
    inputs = ("representation",)
    constants = ("actions",)
    grows_linearly = True
    backends = ("torch", "numba")
    shapes: ClassVar[Shapes] = {
        "quick": (Size(1024, 1, 2),),
        "reference": (
            *(Size(4096, k, d) for k, d in ((1, 2), (2, 2), (4, 8), (16, 32))),
            *(Size(n, 1, 2) for n in (1024, 16384)),
            Size(1024, 2, 4, batch=50),
        ),
        "scaling": tuple(Size(n, 1, 2) for n in LINEAR_SIZES),
    }
    why_behind = (
        "With actions of so many columns the kernel has no low rank, and the pass is dense. A "
        "kernel matrix that is kept from step to step saves its exponentials, for n x n memory."
    )

    def tensors(
        self, problem: Problem, constants: Tensors, first: Tensor, second: Tensor, strength: float
    ) -> Tensors:
        """Return the representation."""
        return (representation(constants[0], second, strength),)

    def public(
        self, problem: Problem, *constants: Tensor, backend: str | None = None
    ) -> Callable[..., Tensor]:
        """Fit here, as its contract has it."""
        fitted = InvariancePenalty.fit(constants[0], problem.bandwidths[0])
        return lambda phi: fitted(phi, backend=backend)

    def naive(self, problem: Problem, *constants: Tensor) -> Callable[..., Tensor]:
        """That of `mmr_penalty`: nothing is kept."""
        h, residual = problem.bandwidths[0], least_squares(problem.device)
        return lambda phi: penalty(phi, constants[0], h, residual)

    def counts(self, problem: Problem) -> Counts:
        """None: how many it takes depends on the rank that the actions give the kernel."""
        return Counts()

    def columns(self, problem: Problem) -> int:
        """What every algorithm must do: read the representation, write its gradient."""
        return problem.d * (2 if problem.needs_gradient else 1)


OP = InvariancePenaltyOp()
