"""The Gaussian kernel product K v in float64 for millions of rows of one or two columns.

Interpolation at Chebyshev nodes in both arguments: with T the n x p matrix of Lagrange polynomials
at the points, K = T K(nodes, nodes) T' up to the interpolation error, which falls faster than any
power of p because the Gaussian is entire. p is raised until the error on a fine grid is below
1e-12. The kernel of two columns is the product of two of one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SMOOTH_ROWS = 50_000
_TOLERANCE = 1e-12
_MOST_NODES = 400
_TILE = 1 << 21


def smooth_kernel_product(points: Tensor, values: Tensor, h: float) -> Tensor:
    """Return K values (n, d) for points (n, 1) or (n, 2) and bandwidth h; float64.

    Raises:
        ValueError: the points spread over so many bandwidths that 400 nodes are too few.
    """
    low, high = points.min(0).values, points.max(0).values
    scaled = (2 * points - low - high) / (high - low)
    widths = [2 * h / float(span) for span in high - low]
    orders = [_order(width) for width in widths]
    nodes = [_nodes(order).to(points.device) for order in orders]
    cores = [_gaussian(x, x, width) for x, width in zip(nodes, widths, strict=True)]
    middle = cores[0] if len(cores) == 1 else torch.kron(cores[0], cores[1])
    step = max(1, _TILE // len(middle))
    moments = values.new_zeros(len(middle), values.shape[1])
    for start in range(0, len(points), step):
        rows = slice(start, start + step)
        moments += _features(scaled[rows], nodes).T @ values[rows]
    moments = middle @ moments
    return torch.cat(
        [
            _features(scaled[start : start + step], nodes) @ moments
            for start in range(0, len(points), step)
        ]
    )


def _features(scaled: Tensor, nodes: list[Tensor]) -> Tensor:
    """Lagrange polynomials (rows, p) of one column, products of those of two."""
    factors = [_lagrange(scaled[:, c], x) for c, x in enumerate(nodes)]
    if len(factors) == 1:
        return factors[0]
    return (factors[0][:, :, None] * factors[1][:, None]).flatten(1)


def _order(width: float) -> int:
    """Nodes that the tolerance takes on [-1, 1] at a bandwidth of `width`."""
    grid = torch.linspace(-1, 1, 257, dtype=torch.float64)
    exact = _gaussian(grid, grid, width)
    order = 8
    while order <= _MOST_NODES:
        x = _nodes(order)
        T = _lagrange(grid, x)
        if float((T @ _gaussian(x, x, width) @ T.T - exact).abs().max()) < _TOLERANCE:
            return order
        order = math.ceil(1.25 * order)
    raise ValueError(f"no {_MOST_NODES} nodes reach {_TOLERANCE} at bandwidth {width} of [-1, 1]")


def _nodes(order: int) -> Tensor:
    """Chebyshev nodes of the first kind."""
    return torch.cos((torch.arange(order, dtype=torch.float64) + 0.5) * (math.pi / order))


def _lagrange(x: Tensor, nodes: Tensor) -> Tensor:
    """Lagrange polynomials at x (n, p), by T_k(x) and the discrete orthogonality of the nodes."""
    order = torch.arange(len(nodes), dtype=x.dtype, device=x.device)
    at_nodes = torch.cos(torch.acos(nodes)[:, None] * order) * (2 / len(nodes))
    at_nodes[:, 0] /= 2
    polynomials = torch.cos(torch.acos(x.clamp(-1, 1))[:, None] * order)
    return polynomials @ at_nodes.T


def _gaussian(x: Tensor, y: Tensor, width: float) -> Tensor:
    return torch.exp(-0.5 * ((x[:, None] - y) / width).square())
