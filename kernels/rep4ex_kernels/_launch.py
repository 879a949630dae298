"""The one way in which a Triton kernel is launched, and its memory.

Triton looks at every argument of every call to find the variant that it compiled for them, which
takes 20 to 60 microseconds. Our kernels are declared so that the variant depends on their constants
and the tensors' dtypes alone (sizes are not specialised, pointers into the caller's tensors not on
their alignment), so the second call of a variant goes to the driver directly. Nothing here waits
for the device.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

# {(kernel, device, constants, dtypes): (compiled kernel, what stands in for its constants)}
_compiled: dict[tuple[Any, ...], tuple[Any, tuple[Any, ...]]] = {}


def launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
    """Launch a kernel on the current device and stream.

    Args:
        kernel: a function decorated by triton.jit, whose constants come last.
        grid: programs along up to three axes.
        arguments: its tensors and numbers, in order.
        constants: its constants, then options of the compiler such as num_warps, in the same order
            at every call.
    """
    _execute(kernel, grid, arguments, constants)


def _through_triton(
    kernel: Any, grid: tuple[int, ...], arguments: tuple[Any, ...], constants: dict[str, Any]
) -> Any:
    return kernel[grid](*arguments, **constants)


def _directly(
    kernel: Any, grid: tuple[int, ...], arguments: tuple[Any, ...], constants: dict[str, Any]
) -> None:
    device = torch.cuda.current_device()
    dtypes = [a.dtype for a in arguments if isinstance(a, Tensor)]
    key = (kernel, device, *constants.values(), *dtypes)
    known = _compiled.get(key)
    if known is None or _observed():
        compiled = _through_triton(kernel, grid, arguments, constants)
        stand_ins = tuple(constants.get(name) for name in kernel.arg_names[len(arguments) :])
        _compiled[key] = (compiled, stand_ins)
        return
    compiled, stand_ins = known
    first, second, third = (*grid, 1, 1)[:3]
    compiled.run(
        first, second, third, torch._C._cuda_getCurrentRawStream(device),
        compiled.function, compiled.packed_metadata, None, None, None, *arguments, *stand_ins,
    )  # fmt: skip


def _observed() -> bool:
    """Say whether a profiler wants to hear of every launch from Triton."""
    hook = _knobs().runtime.launch_enter_hook
    return bool(getattr(hook, "calls", hook))


@functools.cache
def _knobs() -> Any:
    from triton import knobs  # noqa: PLC0415 - not importable without triton

    return knobs


_execute: Callable[..., Any] = (
    _through_triton if os.environ.get("TRITON_INTERPRET") == "1" else _directly
)


def on_its_device(
    function: Callable[Concatenate[Tensor, P], R],
) -> Callable[Concatenate[Tensor, P], R]:
    """Make the device of the first argument the current one: kernels are launched on that."""

    @functools.wraps(function)
    def wrapped(first: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with torch.cuda.device_of(first):
            return function(first, *args, **kwargs)

    return wrapped


def scratch(shape: tuple[int, ...], like: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Uninitialised memory on the device of a tensor. Tests replace it with memory full of NaN."""
    return _allocate(shape, dtype=dtype, device=like.device)


_allocate = torch.empty
