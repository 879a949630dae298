"""Values and gradients in float64, in tiles of rows, so that n is not bound by an n x n matrix.

The formulas are those of `rep4ex_kernels.<op>.reference`; the gradients are written out by hand.
Nothing of the measured implementations is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from rep4ex_bench.speed.inputs import Tensors
from rep4ex_bench.speed.smooth_reference import SMOOTH_ROWS, smooth_kernel_product
from rep4ex_bench.speed.workload import Workload

_TILE = 1 << 21  # elements of a float64 tile
_MOST_SMOOTH_COLUMNS = 2

# s = |x - y|^2 -> k(s) and dk/ds
Radial = Callable[[Tensor], tuple[Tensor, Tensor]]


def reference(workload: Workload, constants: Tensors, inputs: Tensors) -> Tensors:
    """Return the value and, where the workload asks for it, the gradients, all float64."""
    problems = [
        _one(workload, *tensors)
        for tensors in _problems(workload, _in_order(workload, constants, inputs))
    ]
    used = problems[0] if workload.needs_gradient else problems[0][:1]
    results = tuple(torch.stack([problem[i] for problem in problems]) for i in range(len(used)))
    return results if workload.batch > 1 else tuple(result[0] for result in results)


def _in_order(workload: Workload, constants: Tensors, inputs: Tensors) -> Tensors:
    both = (*inputs, *constants)
    return tuple(tensor.to(torch.float64) for tensor in both)


def _problems(workload: Workload, tensors: Tensors) -> Iterator[Tensors]:
    if workload.batch == 1:
        yield tensors
        return
    for b in range(workload.batch):
        yield tuple(t[b] if t.dim() == 3 else t for t in tensors)  # constants have no batch


def _one(workload: Workload, *tensors: Tensor) -> Tensors:
    h = workload.bandwidths
    first, second = tensors[:2]
    if workload.op == "residualize":
        return _residualize(first, second, tensors[2])
    if workload.op in ("mmr_penalty", "invariance_penalty"):
        return _penalty(first, second, h[0])
    if workload.op == "hsic":
        return _hsic(first, second, h[0], h[1], workload.needs_gradient)
    radial = _minus_root if workload.op == "energy_distance" else _gaussians(h)
    return _two_samples(first, second, radial, workload.needs_gradient)


def _basis(actions: Tensor) -> Tensor:
    """Orthonormal basis of [1, A], (n, k + 1)."""
    design = torch.cat([torch.ones_like(actions[:, :1]), actions - actions.mean(0)], 1)
    basis: Tensor = torch.linalg.qr(design).Q
    return basis


def _residualize(representation: Tensor, actions: Tensor, cotangent: Tensor) -> Tensors:
    Q = _basis(actions)
    return representation - Q @ (Q.T @ representation), cotangent - Q @ (Q.T @ cotangent)


def _penalty(representation: Tensor, actions: Tensor, h: float) -> Tensors:
    """<r, K r> / n^2 and 2 P K r / n^2."""
    Q = _basis(actions)
    n = len(actions)
    residual = representation - Q @ (Q.T @ representation)
    if n >= SMOOTH_ROWS and actions.shape[1] <= _MOST_SMOOTH_COLUMNS:
        product = smooth_kernel_product(actions, residual, h)
    else:
        product = torch.empty_like(residual)
        for rows, squares in _tiles(actions, actions):
            product[rows] = squares.mul_(-0.5 / h**2).exp_() @ residual
    gradient = (product - Q @ (Q.T @ product)) * (2 / n**2)
    return (residual * product).sum() / n**2, gradient


def _two_samples(x: Tensor, y: Tensor, radial: Radial, gradient: bool) -> Tensors:
    """Mean k(x, x') + mean k(y, y') - 2 mean k(x, y), and its gradients."""
    n, m = len(x), len(y)
    centre = torch.cat([x, y]).mean(0)
    x, y = x - centre, y - centre
    inside_x, slope_x, _ = _sums(x, x, radial, gradient)
    inside_y, slope_y, _ = _sums(y, y, radial, gradient)
    between, slope_xy, slope_yx = _sums(x, y, radial, gradient)
    value = inside_x / n**2 + inside_y / m**2 - 2 * between / (n * m)
    gradient_x = 2 * slope_x / n**2 - 2 * slope_xy / (n * m)
    return value, gradient_x, 2 * slope_y / m**2 - 2 * slope_yx / (n * m)


def _sums(x: Tensor, y: Tensor, radial: Radial, gradient: bool) -> tuple[Tensor, Tensor, Tensor]:
    """sum_ij k_ij, sum_j dk_ij / dx_i (n, d), and sum_i dk_ij / dy_j (m, d) unless y is x."""
    total, slope_x, slope_y = x.new_zeros(()), torch.zeros_like(x), torch.zeros_like(y)
    for rows, squares in _tiles(x, y):
        values, derivative = radial(squares)
        total = total + values.sum()
        if gradient:
            derivative = 2 * derivative
            slope_x[rows] = derivative.sum(1)[:, None] * x[rows] - derivative @ y
            if x is not y:
                slope_y += derivative.sum(0)[:, None] * y - derivative.T @ x[rows]
    return total, slope_x, slope_y


def _gaussians(bandwidths: tuple[float, ...]) -> Radial:
    def radial(squares: Tensor) -> tuple[Tensor, Tensor]:
        values, derivative = torch.zeros_like(squares), torch.zeros_like(squares)
        for h in bandwidths:
            term = (squares * (-0.5 / h**2)).exp_()
            values += term
            derivative.add_(term, alpha=-0.5 / h**2)
        return values / len(bandwidths), derivative / len(bandwidths)

    return radial


def _minus_root(squares: Tensor) -> tuple[Tensor, Tensor]:
    """-r, whose derivative where r = 0 counts as zero."""
    root = squares.sqrt()
    return -root, torch.where(root == 0, 0.0, -0.5 / root)


def _hsic(x: Tensor, y: Tensor, h_x: float, h_y: float, gradient: bool) -> Tensors:
    """tr(K H L H) / n^2; its derivative in K is H L H / n^2 and in L is H K H / n^2."""
    n = len(x)
    x, y = x - x.mean(0), y - y.mean(0)
    mean_K, mean_L = _row_means(x, h_x), _row_means(y, h_y)
    value, slopes = x.new_zeros(()), (torch.zeros_like(x), torch.zeros_like(y))
    for (rows, K), (_, L) in zip(_kernels(x, h_x), _kernels(y, h_y), strict=True):
        centred_L = L - mean_L[rows, None] - mean_L + mean_L.mean()
        value = value + (K * centred_L).sum()
        if not gradient:
            continue
        centred_K = K - mean_K[rows, None] - mean_K + mean_K.mean()
        terms = ((K.mul_(centred_L), x, h_x), (L.mul_(centred_K), y, h_y))
        for slope, (W, points, h) in zip(slopes, terms, strict=True):
            slope[rows] = (W @ points - W.sum(1)[:, None] * points[rows]) * (2 / (n * h) ** 2)
    return value / n**2, *slopes


def _kernels(points: Tensor, h: float) -> Iterator[tuple[slice, Tensor]]:
    for rows, squares in _tiles(points, points):
        yield rows, squares.mul_(-0.5 / h**2).exp_()


def _row_means(points: Tensor, h: float) -> Tensor:
    return torch.cat([kernel.mean(1) for _, kernel in _kernels(points, h)])


def _tiles(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Tiles of rows of |x_i - y_j|^2; a point is at distance zero from itself, exactly."""
    norms_x, norms_y = x.square().sum(1), y.square().sum(1)
    step = max(1, _TILE // len(y))
    for start in range(0, len(x), step):
        rows = slice(start, min(start + step, len(x)))
        squares = torch.addmm(norms_y, x[rows], y.T, alpha=-2).add_(norms_x[rows, None])
        squares.clamp_min_(0)
        if x is y:
            squares[:, rows].fill_diagonal_(0)
        yield rows, squares
