"""What the distances of two samples share: mean k(x, x') + mean k(y, y') - 2 mean k(x, y)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from rep4ex_bench.speed.ops._counts import symmetric_pairs
from rep4ex_bench.speed.ops._launches import CHUNK, power
from rep4ex_bench.speed.ops._op import Op
from rep4ex_bench.speed.ops._reference import tiles
from rep4ex_bench.speed.problem import Problem, Tensors

# s = |x - y|^2 -> k(s) and dk/ds
Radial = Callable[[Tensor], tuple[Tensor, Tensor]]


class TwoSamples(Op):
    """A distance of the distributions of x (n, d) and y (n, d), by a kernel of |x - y|."""

    inputs = ("x", "y")
    differentiable = (0, 1)
    has_actions = False

    def tensors(
        self, problem: Problem, constants: Tensors, first: Tensor, second: Tensor, strength: float
    ) -> Tensors:
        """Return x and a y that is shifted against it."""
        return first, second + 0.4 * strength

    @abstractmethod
    def radial(self, bandwidths: tuple[float, ...]) -> Radial:
        """Return the kernel and its derivative as functions of the squared distance."""

    def reference(self, problem: Problem, *tensors: Tensor) -> Tensors:
        """Return the distance and its gradients in x (n, d) and y (n, d)."""
        x, y = tensors
        radial, gradient = self.radial(problem.bandwidths), problem.needs_gradient
        n, m = len(x), len(y)
        centre = torch.cat([x, y]).mean(0)
        x, y = x - centre, y - centre
        inside_x, slope_x, _ = _sums(x, x, radial, gradient)
        inside_y, slope_y, _ = _sums(y, y, radial, gradient)
        between, slope_xy, slope_yx = _sums(x, y, radial, gradient)
        value = inside_x / n**2 + inside_y / m**2 - 2 * between / (n * m)
        gradient_x = 2 * slope_x / n**2 - 2 * slope_xy / (n * m)
        return value, gradient_x, 2 * slope_y / m**2 - 2 * slope_yx / (n * m)

    def columns(self, problem: Problem) -> int:
        """x, y and their gradients."""
        return 2 * problem.d * (2 if problem.needs_gradient else 1)


def evaluated_pairs(n: int) -> float:
    """Pairs within x, within y and between them that have to be evaluated."""
    return 2 * symmetric_pairs(n) + n**2


def operations(problem: Problem) -> float:
    """2 d a pair for its distance; for the gradient 2 d an entry within, 4 d an entry between."""
    n, d = problem.n, problem.d
    return 2 * d * evaluated_pairs(n) + (8 * d * n**2 if problem.needs_gradient else 0)


def visited_pairs(problem: Problem) -> int:
    """Pairs (i, j) of both samples together that the Triton kernels visit in one launch."""
    return (2 * problem.n) ** 2


def chunks_and_terms(d: int) -> tuple[int, int]:
    """Launches for d + 1 columns of weights, and the padded width of their sums."""
    return -(-(d + 1) // CHUNK), power(2 * min(d + 1, CHUNK))


def _sums(x: Tensor, y: Tensor, radial: Radial, gradient: bool) -> tuple[Tensor, Tensor, Tensor]:
    """sum_ij k_ij, sum_j dk_ij / dx_i (n, d), and sum_i dk_ij / dy_j (m, d) unless y is x."""
    total, slope_x, slope_y = x.new_zeros(()), torch.zeros_like(x), torch.zeros_like(y)
    for rows, squares in tiles(x, y):
        values, derivative = radial(squares)
        total = total + values.sum()
        if gradient:
            derivative = 2 * derivative
            slope_x[rows] = derivative.sum(1)[:, None] * x[rows] - derivative @ y
            if x is not y:
                slope_y += derivative.sum(0)[:, None] * y - derivative.T @ x[rows]
    return total, slope_x, slope_y
