"""The one place that picks a backend.

Order of precedence: the argument `backend=`, the environment variable REP4EX_KERNELS_BACKEND,
"auto". A forced backend that cannot run raises; it is never replaced by another.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from types import ModuleType

import torch

from rep4ex_kernels.errors import BackendError

ENVIRONMENT_VARIABLE = "REP4EX_KERNELS_BACKEND"
BACKENDS = ("auto", "reference", "torch", "numba", "triton")

# Ops with a compiled CPU path, and the widest (points + values; rank x columns for the factorised
# penalty) for which it beats torch's matrix products; wider problems are bound by the product,
# where the library is better.
_NUMBA_MAX_WIDTH = {
    "residualize": 64,
    "mmr": 96,
    "mmd": 48,
    "energy": 64,
    "hsic": 128,
    "invariance_penalty": 128,
}
_TRITON_OPS = frozenset({"mmr", "mmd", "mmd laplace", "mmd imq", "energy", "hsic", "residualize"})
# Its small Cholesky factorisation lives in the registers of one block.
_TRITON_MAX_WIDTH = {"residualize": 64}


def requested_backend(backend: str | None) -> str:
    """Return the backend that the caller or the environment asks for, or "auto"."""
    if backend is not None:
        name, source = backend, "backend"
    else:
        name, source = os.environ.get(ENVIRONMENT_VARIABLE, "auto"), ENVIRONMENT_VARIABLE
    if name not in BACKENDS:
        raise BackendError(f"{source}: expected one of {', '.join(BACKENDS)}, got {name!r}")
    return name


def choose_backend(
    op: str, request: str, device: torch.device, dtype: torch.dtype, width: int
) -> str:
    """Return the name of the backend that will run.

    Args:
        op: folder of the op, as "mmr", and the kernel where paths differ, as "mmd laplace".
        request: what `requested_backend` returned.
        device: where the tensors are.
        dtype: what they hold.
        width: columns of points and values together (of the actions for least squares); decides
            whether the compiled CPU path pays and whether the Triton path can run.

    Raises:
        BackendError: the forced backend cannot run on these tensors or is not installed.
    """
    if request != "auto":
        obstacle = _obstacle(op, request, device, dtype, width)
        if obstacle:
            raise BackendError(f"backend {request!r} cannot run {op}: {obstacle}")
        return request
    if device.type == "cuda" and not _obstacle(op, "triton", device, dtype, width):
        return "triton"
    narrow = width <= _NUMBA_MAX_WIDTH.get(op, -1)
    if narrow and not _obstacle(op, "numba", device, dtype, width):
        return "numba"
    return "torch"


def explained(
    op: str, device: torch.device, dtype: torch.dtype, width: int
) -> tuple[str, dict[str, str]]:
    """Return what `choose_backend` takes by itself, and why not each faster one.

    Args: as of `choose_backend`.
    """
    chosen = choose_backend(op, "auto", device, dtype, width)
    reasons = {}
    for name in ("triton", "numba"):
        if name == chosen:
            break
        obstacle = _obstacle(op, name, device, dtype, width)
        limit = _NUMBA_MAX_WIDTH.get(op, -1)
        if not obstacle and name == "numba" and width > limit:
            obstacle = f"beyond {limit} columns torch's matrix products are faster"
        if obstacle:
            reasons[name] = obstacle
    return chosen, reasons


BANDWIDTH = (
    "the bandwidth is so wide or so narrow for these data that float32 does not give the accuracy "
    "promised"
)


def torch_instead(op: str, request: str, why: str) -> str:
    """Return the backend of a problem that the compiled CPU path must leave to torch.

    Raises:
        BackendError: numba was forced.
    """
    if request == "numba":
        raise BackendError(f"backend 'numba' cannot run {op}: {why}; use backend='torch'")
    return "torch"


@functools.cache
def implementation(op: str, name: str) -> ModuleType:
    """Return the module `rep4ex_kernels.<op>.<name>_impl`."""
    return importlib.import_module(f"rep4ex_kernels.{op}.{name}_impl")


def _obstacle(op: str, name: str, device: torch.device, dtype: torch.dtype, width: int) -> str:
    """Say why the backend cannot run, or return an empty string."""
    if name in ("torch", "reference"):
        return ""
    if op not in (_NUMBA_MAX_WIDTH if name == "numba" else _TRITON_OPS):
        return "it has no such path; use backend='torch'"
    if dtype != torch.float32:
        return f"it computes in float32, the tensors are {dtype}; use backend='torch'"
    if name == "triton" and width > _TRITON_MAX_WIDTH.get(op, width):
        limit = _TRITON_MAX_WIDTH[op]
        return f"it takes {limit} columns at most, received {width}; use backend='torch'"
    if not _installed(name):
        return f"{name} is not installed; pip install 'rep4ex-bench[{name}]'"
    return _wrong_device(name, device)


def _wrong_device(name: str, device: torch.device) -> str:
    if name == "numba" and device.type != "cpu":
        return f"it runs on the CPU, the tensors are on {device}"
    interpreted = name == "triton" and os.environ.get("TRITON_INTERPRET") == "1"
    if name == "triton" and device.type != "cuda" and not interpreted:
        return f"it needs a CUDA device, the tensors are on {device}"
    return ""


@functools.cache
def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
