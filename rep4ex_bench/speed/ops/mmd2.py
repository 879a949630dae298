"""`mmd2`: the squared maximum mean discrepancy of two samples, mean of Gaussian kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.speed.naive import mmd
from rep4ex_bench.speed.ops._counts import Counts, is_chain
from rep4ex_bench.speed.ops._launches import form
from rep4ex_bench.speed.ops._op import QUADRATIC_SIZES, Shapes
from rep4ex_bench.speed.ops._two_samples import (
    Radial,
    TwoSamples,
    chunks_and_terms,
    evaluated_pairs,
    operations,
    visited_pairs,
)
from rep4ex_bench.speed.problem import FORWARD, Problem, Size, median_distance
from rep4ex_kernels import mmd2

DYADIC = (1.0, 2.0, 4.0, 8.0, 16.0)
GENERAL = (1.1, 2.3, 4.0, 6.1, 9.7)
_SEVERAL = {True: "split squared", False: "split one by one"}


class MMD2(TwoSamples):
    """The biased (V) statistic; one or more bandwidths."""

    name = "mmd2"
    title = "squared maximum mean discrepancy"
    position = 4
    bandwidths = None
    shapes: ClassVar[Shapes] = {
        "quick": (Size(1024),),
        "reference": (
            *(Size(n) for n in (256, 1024, 4096)),
            Size(2048, d=2),
            Size(2048, d=32),
            Size(2048, bandwidths=DYADIC),
            Size(2048, bandwidths=GENERAL),
            Size(256, batch=50),
            Size(1024, direction=FORWARD),
        ),
        "scaling": tuple(Size(n) for n in QUADRATIC_SIZES),
    }

    def default_bandwidths(self, k: int, d: int) -> tuple[float, ...]:
        """One, of either sample."""
        return (median_distance(d),)

    def public(
        self, problem: Problem, *constants: Tensor, backend: str | None = None
    ) -> Callable[..., Tensor]:
        """The function of that name."""
        h = problem.bandwidths
        return lambda x, y: mmd2(x, y, bandwidths=h, backend=backend)

    def naive(self, problem: Problem, *constants: Tensor) -> Callable[..., Tensor]:
        """Three kernel matrices a bandwidth."""
        return lambda x, y: mmd(x, y, problem.bandwidths)

    def radial(self, bandwidths: tuple[float, ...]) -> Radial:
        """Mean of exp(-s / (2 h^2)) over the bandwidths h."""

        def gaussians(squares: Tensor) -> tuple[Tensor, Tensor]:
            values, derivative = torch.zeros_like(squares), torch.zeros_like(squares)
            for h in bandwidths:
                term = (squares * (-0.5 / h**2)).exp_()
                values += term
                derivative.add_(term, alpha=-0.5 / h**2)
            return values / len(bandwidths), derivative / len(bandwidths)

        return gaussians

    def pairs(self, problem: Problem) -> int:
        """n^2 + n^2 + n^2 for the three means, times the number of bandwidths."""
        return 3 * problem.n**2 * len(problem.bandwidths)

    def counts(self, problem: Problem) -> Counts:
        """An exponential a pair and bandwidth, one a pair where bandwidths double."""
        each = 1 if is_chain(problem.bandwidths) else len(problem.bandwidths)
        return Counts(
            exponentials=each * evaluated_pairs(problem.n), operations=operations(problem)
        )

    def launches(self, problem: Problem) -> list[tuple[str, float]]:
        """(2 n)^2 for each chunk of the d + 1 columns of weights."""
        chunks, terms = chunks_and_terms(problem.d)
        kind, distances = "mmd gaussian", form(problem.d)
        if len(problem.bandwidths) > 1:
            several = _SEVERAL[is_chain(problem.bandwidths)]
            kind, distances = "mmd gaussians", distances.replace("split", several)
        return [(f"{kind} {distances} W={terms} precise", visited_pairs(problem) * chunks)]


OP = MMD2()
