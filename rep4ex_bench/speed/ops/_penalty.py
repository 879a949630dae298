"""What the two penalties of a representation given actions share.

    penalty = <r, K r> / n^2,   gradient 2 P K r / n^2

with K the Gaussian kernel matrix of the actions, P the projection off [1, A] and r = P phi.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rep4ex_bench.speed.ops._op import Op
from rep4ex_bench.speed.ops._reference import basis, tiles
from rep4ex_bench.speed.problem import Problem, Tensors, median_distance
from rep4ex_bench.speed.smooth_reference import SMOOTH_ROWS, smooth_kernel_product

_MOST_SMOOTH_COLUMNS = 2


class Penalty(Op):
    """A penalty of the dependence of a representation's residual on the actions."""

    bandwidths = 1

    def default_bandwidths(self, k: int, d: int) -> tuple[float, ...]:
        """Of the actions."""
        return (median_distance(k),)

    def reference(self, problem: Problem, *tensors: Tensor) -> Tensors:
        """Return the penalty and its gradient in the representation (n, d)."""
        representation, actions = tensors
        h = problem.bandwidths[0]
        Q = basis(actions)
        n = len(actions)
        residual = representation - Q @ (Q.T @ representation)
        if n >= SMOOTH_ROWS and actions.shape[1] <= _MOST_SMOOTH_COLUMNS:
            product = smooth_kernel_product(actions, residual, h)
        else:
            product = torch.empty_like(residual)
            for rows, squares in tiles(actions, actions):
                product[rows] = squares.mul_(-0.5 / h**2).exp_() @ residual
        gradient = (product - Q @ (Q.T @ product)) * (2 / n**2)
        return (residual * product).sum() / n**2, gradient

    def pairs(self, problem: Problem) -> int:
        """n^2 of the kernel of the actions."""
        return problem.n**2
