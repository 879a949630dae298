"""Batched weighted least squares of a representation on [1, actions], on the GPU.

    minimise  sum_i w_i |phi_i - c - W' a_i|^2 + ridge |W|^2

Three launches: the moments of [1, A] with [1, A, phi], the factorisation of each problem's k x k
matrix, and the fit, whose programs solve for the columns of their own tile. The adjoint takes two
more, as the factorisation stays. Columns whose pivot vanishes are left out: the residual is the
right one, and the coefficients are those of minimum norm.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from rep4ex_kernels._launch import launch, on_its_device, scratch
from rep4ex_kernels._least_squares import DEPENDENT
from rep4ex_kernels._rank_flags import MOST_COLUMNS, flags_for, give_warnings
from rep4ex_kernels._triton_least_squares import state_size
from rep4ex_kernels._triton_pairs import check_float32, multiprocessors, power_of_two
from rep4ex_kernels._triton_table import LEAST_SQUARES, least_squares_tile
from rep4ex_kernels.errors import BackendError
from rep4ex_kernels.residualize.triton_kernel import (
    adjoint_kernel,
    factor_kernel,
    fit_kernel,
    moments_kernel,
)

# A centred column below this part of its uncentred square is constant: centring leaves so much.
CONSTANT_PART = 4e-16
EPS = 2.0**-23
# A program of the moments takes so many rows at least, and a problem so many programs at most.
PART_ROWS, MOST_PARTS = 128, 64


class Geometry(NamedTuple):
    """How a problem of n rows, k actions and d targets is divided among programs."""

    height: int  # rows of the moments: [1, a], padded to a power of two
    features: int  # k padded to a power of two
    tile: int  # target columns of a program
    block: int  # rows that a program of the moments takes at a time
    parts: int
    rows_per_part: int
    gram_chunks: int
    target_chunks: int

    @property
    def width(self) -> int:
        """Columns of the moments with the targets."""
        return self.target_chunks * self.tile


@functools.lru_cache(maxsize=256)
def geometry(n: int, k: int, d: int) -> Geometry:
    """Divide a problem; the same for the same sizes, so that sums are too."""
    height = power_of_two(k + 1, 2)
    block, widest = least_squares_tile(height)
    tile = min(widest, power_of_two(max(k + 1, d), 16))
    parts = max(1, min(-(-n // PART_ROWS), MOST_PARTS))
    per_part = -(-n // (parts * block)) * block
    return Geometry(
        height, power_of_two(k, 2), tile, block, -(-n // max(1, per_part)), per_part,
        -(-(k + 1) // tile), -(-d // tile),
    )  # fmt: skip


class Moments(NamedTuple):
    """Partial sums of the targets with [1, actions] in float64, as the kernels lay them out."""

    cross: Tensor  # (B, parts, height, width)
    squares: Tensor  # (B, parts, width)
    centred: bool  # of actions less their mean, not less the first row
    shape: Geometry


def moments_and_state(
    actions: Tensor, targets: Tensor, weights: Tensor | None, ridge: float
) -> tuple[Moments, Tensor]:
    """Moments of the targets (B, n, d) and the state (B, size) float64 of the actions (B, n, k).

    Raises:
        BackendError: more actions than the factorisation takes.
    """
    batches, n, k = actions.shape
    check_columns(k)
    give_warnings(actions.device)
    shape = geometry(n, k, targets.shape[2])
    state = scratch((batches, state_size(k)), actions, torch.float64)
    moments, gram = _moments(actions, targets, weights, state, shape, centred=False)
    config = LEAST_SQUARES["factor"]
    launch(
        factor_kernel, (batches,),
        gram, actions, actions if weights is None else weights, state, flags_for(actions),
        shape.parts, shape.gram_chunks * shape.tile, n, k, state.shape[1],
        float(ridge), DEPENDENT, CONSTANT_PART, EPS,
        WEIGHTED=weights is not None, NULL=True, K=shape.features, HEIGHT=shape.height,
        num_warps=config.num_warps, num_stages=config.num_stages,
    )  # fmt: skip
    if actions.device.type == "cpu":  # interpreted: all is done by now
        give_warnings(actions.device)
    return moments, state


def centred_moments(actions: Tensor, targets: Tensor, state: Tensor) -> Moments:
    """Moments of the targets with actions less their mean, where the state is known."""
    shape = geometry(actions.shape[1], actions.shape[2], targets.shape[2])
    return _moments(actions, targets, None, state, shape, centred=True)[0]


def _moments(
    actions: Tensor,
    targets: Tensor,
    weights: Tensor | None,
    state: Tensor,
    shape: Geometry,
    centred: bool,
) -> tuple[Moments, Tensor]:
    batches, n, k = actions.shape
    config = LEAST_SQUARES["moments"]
    gram_chunks = 0 if centred else shape.gram_chunks
    parts, height, width = shape.parts, shape.height, shape.width
    cross = scratch((batches, parts, height, width), actions, torch.float64)
    squares = scratch((batches, parts, width), actions, torch.float64)
    gram = state
    if gram_chunks:
        gram = scratch((batches, parts, height, gram_chunks * shape.tile), actions, torch.float64)
    launch(
        moments_kernel, (batches, parts, gram_chunks + shape.target_chunks),
        actions, targets, actions if weights is None else weights, state, gram, cross, squares,
        gram_chunks, shape.target_chunks, n, k, targets.shape[2], shape.rows_per_part,
        state.shape[1],
        CENTRED=centred, WEIGHTED=weights is not None, K=height, D=shape.tile, BLOCK=shape.block,
        num_warps=config.num_warps, num_stages=config.num_stages,
    )  # fmt: skip
    return Moments(cross, squares, centred, shape), gram


def fit(
    actions: Tensor,
    targets: Tensor,
    state: Tensor,
    moments: Moments,
    coefficients: Tensor | None = None,
    upstream: Tensor | None = None,
    factor: float = 1.0,
) -> Tensor:
    """Targets (B, n, d) less their fit on [1, actions], float32.

    Fills coefficients (B, k + 1, d) where they are given. With an upstream gradient (B,) the
    residual is multiplied by that and by the factor.
    """
    batches, n, k = actions.shape
    shape, config = moments.shape, LEAST_SQUARES["fit"]
    residual = scratch(tuple(targets.shape), targets)
    programs, per_program = row_programs(batches, n, config.block_m, targets.device)
    launch(
        fit_kernel, (batches, programs, shape.target_chunks),
        actions, targets, state, moments.cross, moments.squares,
        residual if upstream is None else upstream, residual,
        residual if coefficients is None else coefficients,
        shape.parts, shape.width, n, k, targets.shape[2], per_program, state.shape[1],
        float(factor),
        CENTRED=moments.centred, SCALED=upstream is not None,
        COEFFICIENTS=coefficients is not None,
        K=shape.features, HEIGHT=shape.height, D=shape.tile, BLOCK=config.block_m,
        num_warps=config.num_warps, num_stages=config.num_stages,
    )  # fmt: skip
    return residual


def row_programs(batches: int, n: int, block: int, device: torch.device) -> tuple[int, int]:
    """(programs a problem, rows a program): few enough that each may sum up all moments."""
    blocks = -(-n // block)
    programs = max(1, min(blocks, -(-2 * multiprocessors(device) // max(1, batches))))
    per_program = -(-blocks // programs) * block
    return -(-n // per_program), per_program


@on_its_device
def residualize_pass(
    representation: Tensor, actions: Tensor, ridge: float = 0.0, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Residual (B, n, d) and coefficients (B, k + 1, d), intercept first, all float32.

    representation (B, n, d), actions (B, n, k) and weights (B, n) are float32 and contiguous.
    """
    residual, coefficients, _ = residualize_with_state(representation, actions, ridge, weights)
    return residual, coefficients


@on_its_device
def residualize_with_state(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Residual, coefficients, and the state that the adjoint takes."""
    check_float32(representation=representation, actions=actions, weights=weights)
    batches, _, d = representation.shape
    k = actions.shape[2]
    if representation.numel() == 0:
        state = actions.new_zeros((batches, state_size(k)), dtype=torch.float64)
        return representation.clone(), representation.new_zeros((batches, k + 1, d)), state
    moments, state = moments_and_state(actions, representation, weights, ridge)
    coefficients = scratch((batches, k + 1, d), representation)
    residual = fit(actions, representation, state, moments, coefficients)
    return residual, coefficients, state


@on_its_device
def adjoint_with_state(
    grad_residual: Tensor,
    grad_coefficients: Tensor,
    actions: Tensor,
    weights: Tensor | None,
    state: Tensor,
) -> Tensor:
    """Gradient (B, n, d) with respect to the representation, float32: the transpose of the pass."""
    check_float32(grad_residual=grad_residual, grad_coefficients=grad_coefficients)
    batches, n, d = grad_residual.shape
    if grad_residual.numel() == 0:
        return grad_residual.clone()
    moments = centred_moments(actions, grad_residual, state)
    shape, config = moments.shape, LEAST_SQUARES["fit"]
    gradient = scratch((batches, n, d), grad_residual)
    programs, per_program = row_programs(batches, n, config.block_m, actions.device)
    launch(
        adjoint_kernel, (batches, programs, shape.target_chunks),
        actions, grad_residual, actions if weights is None else weights, state,
        moments.cross, moments.squares, grad_coefficients, gradient,
        shape.parts, shape.width, n, actions.shape[2], d, per_program, state.shape[1],
        WEIGHTED=weights is not None, K=shape.features, HEIGHT=shape.height, D=shape.tile,
        BLOCK=config.block_m, num_warps=config.num_warps, num_stages=config.num_stages,
    )  # fmt: skip
    return gradient


@on_its_device
def residualize_adjoint(
    grad_residual: Tensor,
    grad_coefficients: Tensor,
    actions: Tensor,
    ridge: float,
    weights: Tensor | None,
) -> Tensor:
    """`adjoint_with_state` where the state was not kept."""
    if grad_residual.numel() == 0:
        return grad_residual.clone()
    _, state = moments_and_state(actions, grad_residual, weights, ridge)
    return adjoint_with_state(grad_residual, grad_coefficients, actions, weights, state)


def check_columns(k: int) -> None:
    """Raise BackendError for more actions than one block's registers hold the factor of."""
    if k > MOST_COLUMNS:
        raise BackendError(
            f"actions: the Triton kernels take {MOST_COLUMNS} columns at most, received {k}; "
            "use backend='torch'"
        )
