"""`residualize`: the residual of a representation's least-squares regression on [1, A].

residual = phi - Q Q' phi,   gradient of <cotangent, residual>: cotangent - Q Q' cotangent
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from rep4ex_bench.speed.naive import least_squares
from rep4ex_bench.speed.ops._counts import Counts
from rep4ex_bench.speed.ops._inputs import representation
from rep4ex_bench.speed.ops._op import LINEAR_SIZES, Op, Shapes
from rep4ex_bench.speed.ops._reference import basis
from rep4ex_bench.speed.problem import FORWARD, Problem, Size, Tensors
from rep4ex_kernels import residualize


class Residualize(Op):
    """Batched least squares."""

    name = "residualize"
    title = "residual of a least-squares regression on the actions"
    position = 1
    inputs = ("representation", "actions", "cotangent")
    has_cotangent = True
    grows_linearly = True
    shapes: ClassVar[Shapes] = {
        "quick": (Size(4096, 4, 8),),
        "reference": (
            *(Size(n, 4, 8) for n in (256, 4096, 65536)),
            Size(4096, 32, 64),
            Size(256, 2, 4, batch=400),
            Size(4096, 4, 8, direction=FORWARD),
            Size(4096, 4, 8, dtype="float64"),
        ),
        "scaling": tuple(Size(n, 4, 8) for n in LINEAR_SIZES),
    }
    why_behind = (
        "Ours adds up in float64 and reads the data twice, which buys about a hundred times less "
        "error of the value; QR and lstsq do all in float32. In small problems the calls around "
        "the sums are most of the time."
    )

    def tensors(
        self, problem: Problem, constants: Tensors, first: Tensor, second: Tensor, strength: float
    ) -> Tensors:
        """Return representation, actions and cotangent."""
        return representation(first, second, strength), first, second.flip(-2)

    def public(
        self, problem: Problem, *constants: Tensor, backend: str | None = None
    ) -> Callable[..., Tensor]:
        """The residual, without the coefficients that come with it."""
        return lambda phi, a: residualize(phi, a, backend=backend)[0]

    def naive(self, problem: Problem, *constants: Tensor) -> Callable[..., Tensor]:
        """`torch.linalg.lstsq`, or QR on CUDA."""
        return least_squares(problem.device)

    def reference(self, problem: Problem, *tensors: Tensor) -> Tensors:
        """Return the residual (n, d) and the residual of the cotangent (n, d)."""
        phi, actions, cotangent = tensors
        Q = basis(actions)
        return phi - Q @ (Q.T @ phi), cotangent - Q @ (Q.T @ cotangent)

    def pairs(self, problem: Problem) -> int:
        """None."""
        return 0

    def counts(self, problem: Problem) -> Counts:
        """n (k + 1)^2 for the symmetric normal matrix, 4 n (k + 1) d for a projection.

        The gradient is one more projection.
        """
        n, k = problem.n, problem.k
        projection = 4 * n * (k + 1) * problem.d
        projections = 2 if problem.needs_gradient else 1
        return Counts(operations=n * (k + 1) ** 2 + projections * projection)

    def columns(self, problem: Problem) -> int:
        """Representation, actions, residual; cotangent and gradient."""
        d = problem.d
        return 2 * d + problem.k + (2 * d if problem.needs_gradient else 0)


OP = Residualize()
