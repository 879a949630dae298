"""Least squares on the backend that the dispatch picks, for `residualize` and for `mmr_penalty`."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from rep4ex_kernels import _least_squares
from rep4ex_kernels._dispatch import choose_backend, implementation, torch_instead

_CLOSE = "columns of the actions are constant or all but linear combinations of the others"


def residualize_pass(
    representation: Tensor, actions: Tensor, ridge: float, weights: Tensor | None, request: str
) -> tuple[Tensor, Tensor]:
    """Return residual (B, n, d) and coefficients (B, k + 1, d) of (B, n, d) on (B, n, k)."""
    residual, coefficients = _run(
        "residualize_pass", request, actions, representation, actions, ridge, weights
    )
    return residual, coefficients


def residualize_adjoint(
    grad_residual: Tensor,
    grad_coefficients: Tensor,
    actions: Tensor,
    ridge: float,
    weights: Tensor | None,
    request: str,
) -> Tensor:
    """Return the gradient (B, n, d) with respect to the representation."""
    gradient: Tensor = _run(
        "residualize_adjoint",
        request,
        actions,
        grad_residual,
        grad_coefficients,
        actions,
        ridge,
        weights,
    )
    return gradient


def chosen(request: str, actions: Tensor) -> str:
    """Return the backend of least squares on these actions (B, n, k).

    Those but torch keep what the actions decide, so that an adjoint that follows does not make it
    again.
    """
    return choose_backend("residualize", request, actions.device, actions.dtype, actions.shape[-1])


def action_basis(actions: Tensor, request: str) -> tuple[Tensor, Tensor]:
    """Return centred actions (B, n, k) and an orthonormal basis (B, n, k + 1) of [1, A].

    What forces "numba" on a sum over pairs says nothing of the actions' columns, so here it is no
    error if the torch path must take them.
    """
    request = "auto" if request == "numba" else request
    points, basis = _run("action_basis", _without_triton(request, actions), actions, actions)
    return points, basis


def _without_triton(request: str, actions: Tensor) -> str:
    """Return "torch" on a GPU: the basis in float64 has no kernel of ours."""
    return "torch" if _least_squares.on_gpu(actions) or request == "triton" else request


def _run(function: str, request: str, actions: Tensor, *args: Any) -> Any:
    name = choose_backend("residualize", request, actions.device, actions.dtype, actions.shape[-1])
    result = getattr(implementation("residualize", name), function)(*args)
    if result is None:
        name = torch_instead("residualize", request, _CLOSE)
        result = getattr(implementation("residualize", name), function)(*args)
    return result
