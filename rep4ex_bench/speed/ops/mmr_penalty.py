"""`mmr_penalty`: the maximum moment restriction of a representation given actions.

See `_penalty` for the formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from rep4ex_bench.speed.naive import least_squares, penalty
from rep4ex_bench.speed.ops._counts import Counts, symmetric_pairs
from rep4ex_bench.speed.ops._inputs import representation
from rep4ex_bench.speed.ops._launches import CHUNK, form, power
from rep4ex_bench.speed.ops._op import QUADRATIC_SIZES, Shapes
from rep4ex_bench.speed.ops._penalty import Penalty
from rep4ex_bench.speed.problem import FORWARD, Problem, Size, Tensors
from rep4ex_kernels import mmr_penalty

_MANY_ACTIONS = 32  # for so many, a product has half the columns


class MMRPenalty(Penalty):
    """The penalty where the actions are new in every call."""

    name = "mmr_penalty"
    title = "maximum moment restriction"
    position = 2
    inputs = ("representation", "actions")
    shapes: ClassVar[Shapes] = {
        "quick": (Size(1024, 4, 8),),
        "reference": (
            *(Size(n, 4, 8) for n in (256, 1024, 4096, 8192)),
            Size(4096, 1, 2),
            Size(4096, 16, 32),
            Size(2048, 32, 64),
            Size(256, 2, 4, batch=50),
            Size(2048, 4, 8, direction=FORWARD),
            Size(1024, 4, 8, dtype="float64"),
        ),
        "scaling": tuple(Size(n, 4, 8) for n in QUADRATIC_SIZES),
    }

    def tensors(
        self, problem: Problem, constants: Tensors, first: Tensor, second: Tensor, strength: float
    ) -> Tensors:
        """Return representation and actions."""
        return representation(first, second, strength), first

    def public(
        self, problem: Problem, *constants: Tensor, backend: str | None = None
    ) -> Callable[..., Tensor]:
        """The function of that name."""
        h = problem.bandwidths[0]
        return lambda phi, a: mmr_penalty(phi, a, h, backend=backend)

    def naive(self, problem: Problem, *constants: Tensor) -> Callable[..., Tensor]:
        """The whole kernel matrix times the whole matrix of inner products."""
        h, residual = problem.bandwidths[0], least_squares(problem.device)
        return lambda phi, a: penalty(phi, a, h, residual)

    def counts(self, problem: Problem) -> Counts:
        """An exponential and 2 k operations a pair, and K r.

        K r takes 2 d n^2 for a gradient, half of it where only the value is asked for.
        """
        n, k, d = problem.n, problem.k, problem.d
        pairs = symmetric_pairs(n)
        product = 2 * d * n**2 if problem.needs_gradient else 2 * d * pairs
        return Counts(exponentials=pairs, operations=2 * k * pairs + product)

    def columns(self, problem: Problem) -> int:
        """Representation and actions; the gradient in the representation."""
        return problem.k + problem.d * (2 if problem.needs_gradient else 1)

    def launches(self, problem: Problem) -> list[tuple[str, float]]:
        """n^2 for each chunk of 32 columns of the representation."""
        k, d = problem.k, problem.d
        per_chunk = CHUNK if k < _MANY_ACTIONS else CHUNK // 2
        terms = power(2 * min(d, per_chunk))
        pairs = problem.n**2 * math.ceil(d / per_chunk)
        return [(f"mmr {form(k)} W={terms} precise", pairs)]


OP = MMRPenalty()
