"""`energy_distance`: 2 mean |x - y| - mean |x - x'| - mean |y - y'| of two samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.speed.naive import energy
from rep4ex_bench.speed.ops._counts import Counts
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
from rep4ex_bench.speed.problem import FORWARD, Problem, Size
from rep4ex_kernels import energy_distance

_FLAT, _FLAT_TERMS = 2, 4  # distances of so few features are summed without weights


class EnergyDistance(TwoSamples):
    """Two samples by the kernel -|x - y|, which has no bandwidth."""

    name = "energy_distance"
    title = "energy distance"
    position = 5
    shapes: ClassVar[Shapes] = {
        "quick": (Size(1024),),
        "reference": (
            *(Size(n) for n in (256, 1024, 4096)),
            Size(2048, d=2),
            Size(2048, d=32),
            Size(256, batch=50),
            Size(1024, direction=FORWARD),
        ),
        "scaling": tuple(Size(n) for n in QUADRATIC_SIZES),
    }

    def public(
        self, problem: Problem, *constants: Tensor, backend: str | None = None
    ) -> Callable[..., Tensor]:
        """The function of that name."""
        return lambda x, y: energy_distance(x, y, backend=backend)

    def naive(self, problem: Problem, *constants: Tensor) -> Callable[..., Tensor]:
        """Three times `torch.cdist`."""
        return energy

    def radial(self, bandwidths: tuple[float, ...]) -> Radial:
        """-r, whose derivative where r = 0 counts as zero."""
        return _minus_root

    def pairs(self, problem: Problem) -> int:
        """n^2 + n^2 + n^2 for the three means."""
        return 3 * problem.n**2

    def counts(self, problem: Problem) -> Counts:
        """One reciprocal root a pair."""
        return Counts(roots=evaluated_pairs(problem.n), operations=operations(problem))

    def launches(self, problem: Problem) -> list[tuple[str, float]]:
        """(2 n)^2 for each chunk of the d + 1 columns of weights."""
        d, pairs = problem.d, visited_pairs(problem)
        if d <= _FLAT:
            return [(f"energy direct d={d} W={_FLAT_TERMS} precise", pairs)]
        chunks, terms = chunks_and_terms(d)
        return [(f"energy {form(d)} W={terms} precise", pairs * chunks)]


def _minus_root(squares: Tensor) -> tuple[Tensor, Tensor]:
    root = squares.sqrt()
    return -root, torch.where(root == 0, 0.0, -0.5 / root)


OP = EnergyDistance()
