"""What every op shares: full precision inside autocast, batching under vmap."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from rep4ex_kernels.errors import SecondDerivativeError

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Switch autocast off inside `function`: a loss in half precision is a wrong loss."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        device = tensors[0].device.type if tensors else "cpu"
        if device not in ("cpu", "cuda") or not torch.is_autocast_enabled(device):
            return function(*args, **kwargs)
        with torch.autocast(device_type=device, enabled=False):
            return function(*args, **kwargs)

    return wrapped


def known_signature(forward: Callable[P, R]) -> Callable[P, R]:
    """Keep the signature of an autograd function's `forward`.

    Torch asks for it at every call, and working it out costs more than a small op.
    """
    forward.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
    return forward


def apply(function: type[torch.autograd.Function], *args: Any) -> Any:
    """Apply an autograd function (torch leaves its `apply` untyped)."""
    return function.apply(*args)


def runs_eagerly(*tensors: Tensor | None) -> bool:
    """Say whether torch operations on the tensors run as they are called.

    Then an op may take its short way: no custom operators and one autograd function. Under
    torch.compile, torch.func or a dispatch mode, and for subclasses of tensors, it may not.
    """
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    plain = all(t is None or type(t) in (Tensor, torch.nn.Parameter) for t in tensors)
    return plain and torch._C._len_torch_dispatch_stack() == 0


def register_batched_vmap(op: Any) -> None:
    """Give a custom op over (B, ...) tensors its vmap rule: the new axis joins B."""

    def rule(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Any, Any]:
        size = info.batch_size

        def join(value: Any, dim: int | None) -> Any:
            if not isinstance(value, Tensor):
                return value
            moved = value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)
            return moved.reshape(size * moved.shape[1], *moved.shape[2:]).contiguous()

        joined = [join(value, dim) for value, dim in zip(args, in_dims, strict=True)]
        outputs = op(*joined)

        def split(value: Tensor) -> Tensor:
            return value.reshape(size, value.shape[0] // size, *value.shape[1:])

        if isinstance(outputs, Tensor):
            return split(outputs), 0
        return tuple(split(value) for value in outputs), (0,) * len(outputs)

    op.register_vmap(rule)


class FirstDerivativeOnly(torch.autograd.Function):
    """Hand on a gradient that must not be differentiated again.

    Ties the gradient (a constant to autograd) to the inputs it depends on, so that a second
    derivative raises instead of silently coming out as zero.
    """

    generate_vmap_rule = True

    @staticmethod
    @known_signature
    def forward(gradient: Tensor, x: Tensor, y: Tensor, name: str) -> Tensor:
        """Return the gradient as it is."""
        return gradient.view_as(gradient)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep the op's name for the message."""
        ctx.name = inputs[3]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """Raise."""
        raise SecondDerivativeError(
            f"{ctx.name} offers first derivatives only; "
            "backend='reference' is dense and differentiates twice"
        )
