"""`hsic`: the biased Hilbert-Schmidt independence criterion, tr(K H L H) / n^2.

Its derivative in K is H L H / n^2 and in L is H K H / n^2. There is no estimate of a GPU's time:
its passes differ by the form of the distances.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.speed.naive import hsic as naive_hsic
from rep4ex_bench.speed.ops._counts import Counts, symmetric_pairs
from rep4ex_bench.speed.ops._inputs import bent
from rep4ex_bench.speed.ops._op import QUADRATIC_SIZES, Op, Shapes
from rep4ex_bench.speed.ops._reference import tiles
from rep4ex_bench.speed.problem import FORWARD, Problem, Size, Tensors, median_distance
from rep4ex_kernels import hsic


class HSIC(Op):
    """Dependence of x (n, k) and y (n, d), by a Gaussian kernel of each."""

    name = "hsic"
    title = "Hilbert-Schmidt independence criterion"
    position = 6
    inputs = ("x", "y")
    differentiable = (0, 1)
    bandwidths = 2
    shapes: ClassVar[Shapes] = {
        "quick": (Size(1024, 4, 8),),
        "reference": (
            *(Size(n, 4, 8) for n in (256, 1024, 4096)),
            Size(2048, 1, 2),
            Size(2048, 16, 32),
            Size(256, 2, 4, batch=50),
            Size(1024, 4, 8, direction=FORWARD),
        ),
        "scaling": tuple(Size(n, 4, 8) for n in QUADRATIC_SIZES),
    }

    def default_bandwidths(self, k: int, d: int) -> tuple[float, ...]:
        """Of x and of y."""
        return (median_distance(k), median_distance(d))

    def tensors(
        self, problem: Problem, constants: Tensors, first: Tensor, second: Tensor, strength: float
    ) -> Tensors:
        """Return x and a y that depends on it."""
        return first, second + strength * bent(first, problem.d)

    def public(
        self, problem: Problem, *constants: Tensor, backend: str | None = None
    ) -> Callable[..., Tensor]:
        """The function of that name."""
        h_x, h_y = problem.bandwidths
        return lambda x, y: hsic(x, y, h_x, h_y, backend=backend)

    def naive(self, problem: Problem, *constants: Tensor) -> Callable[..., Tensor]:
        """Both kernel matrices, one of them centred."""
        return lambda x, y: naive_hsic(x, y, *problem.bandwidths)

    def reference(self, problem: Problem, *tensors: Tensor) -> Tensors:
        """Return HSIC and its gradients in x (n, k) and y (n, d)."""
        x, y = tensors
        h_x, h_y = problem.bandwidths
        n = len(x)
        x, y = x - x.mean(0), y - y.mean(0)
        mean_K, mean_L = _row_means(x, h_x), _row_means(y, h_y)
        value, slopes = x.new_zeros(()), (torch.zeros_like(x), torch.zeros_like(y))
        for (rows, K), (_, L) in zip(_kernels(x, h_x), _kernels(y, h_y), strict=True):
            centred_L = L - mean_L[rows, None] - mean_L + mean_L.mean()
            value = value + (K * centred_L).sum()
            if not problem.needs_gradient:
                continue
            centred_K = K - mean_K[rows, None] - mean_K + mean_K.mean()
            terms = ((K.mul_(centred_L), x, h_x), (L.mul_(centred_K), y, h_y))
            for slope, (W, points, h) in zip(slopes, terms, strict=True):
                slope[rows] = (W @ points - W.sum(1)[:, None] * points[rows]) * (2 / (n * h) ** 2)
        return value / n**2, *slopes

    def pairs(self, problem: Problem) -> int:
        """n^2 for each of the two kernels."""
        return 2 * problem.n**2

    def counts(self, problem: Problem) -> Counts:
        """Two exponentials and 2 (k + d) operations a pair; 2 (k + d) n^2 for the gradient."""
        n, columns = problem.n, problem.k + problem.d
        pairs = symmetric_pairs(n)
        slopes = 2 * columns * n**2 if problem.needs_gradient else 0
        return Counts(exponentials=2 * pairs, operations=2 * columns * pairs + slopes)

    def columns(self, problem: Problem) -> int:
        """x, y and their gradients."""
        return (problem.k + problem.d) * (2 if problem.needs_gradient else 1)


def _kernels(points: Tensor, h: float) -> Iterator[tuple[slice, Tensor]]:
    for rows, squares in tiles(points, points):
        yield rows, squares.mul_(-0.5 / h**2).exp_()


def _row_means(points: Tensor, h: float) -> Tensor:
    return torch.cat([kernel.mean(1) for _, kernel in _kernels(points, h)])


OP = HSIC()
