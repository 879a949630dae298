"""`graphed`: a loss whose forward and backward pass are replayed as CUDA graphs.

A loss of a few hundred rows takes the GPU some 20 microseconds and the host several times that, for
launching its kernels one by one. A graph is launched whole. This is `make_graphed_callables` of
torch.cuda, with a capture for every kind of arguments, results that later calls leave alone, and
errors where a replay would silently be wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from rep4ex_kernels.errors import KernelInputError

Loss = Callable[..., Tensor]

# A capture keeps the memory of a call. A loop over ever new shapes should not fill the device.
MOST_CAPTURES = 8


def graphed(function: Loss, *example: Tensor) -> Loss:
    """Return the loss with its forward and backward pass replayed as CUDA graphs.

        loss = graphed(lambda code: mmr_penalty(code, actions, bandwidth), code)
        loss(code).backward()

    The first call with tensors of other shapes, dtypes, devices or `requires_grad` than before is
    captured anew, for example the last batch of an epoch; after 8 captures it is an error. Values
    and gradients are those of the function, bit for bit.

    Args:
        function: takes tensors and returns one tensor. Other tensors that it uses, such as the
            actions above, are constants: it must not depend on parameters that are to be trained,
            nor wait for the device (`.item()`, `print`) or draw a decision from values.
        example: arguments as in training, with the same `requires_grad`; their values do not
            matter. On the CPU, where there is nothing to gain, the function comes back unchanged.

    Returns:
        A function of the same arguments, on CUDA at least. First derivatives only; the backward
        pass must come before the next call with arguments of the same kind (RuntimeError
        otherwise). Inside another capture, and for tensors of the CPU, it calls the function.

    Raises:
        KernelInputError: no example, an argument or a result that is not a tensor, a function that
            cannot be captured or depends on parameters of its own, or too many captures.
    """
    if not example:
        raise KernelInputError("example", "the tensors of a call", "none")
    _check_arguments(example)
    if not _on_gpu(example):
        return function
    loss = _GraphedLoss(function)
    loss.captured(example)
    return loss


class _Captured:
    """One capture, and how often it was replayed."""

    def __init__(self, replay: Loss) -> None:
        self.replay = replay
        self.calls = 0


class _GraphedLoss:
    def __init__(self, function: Loss) -> None:
        self._function = function
        self._captures: dict[tuple[Any, ...], _Captured] = {}
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *arguments: Tensor) -> Tensor:
        _check_arguments(arguments)
        if not _on_gpu(arguments) or _inside_a_capture():
            return self._function(*arguments)
        captured = self.captured(arguments)
        captured.calls += 1
        # Replays write to the memory of the capture, the value's as well as the gradients'.
        value = captured.replay(*map(_with_gradient_of_its_own, arguments)).clone()
        if value.requires_grad:
            value.register_hook(functools.partial(_check_turn, captured, captured.calls))
        return value

    def captured(self, arguments: tuple[Tensor, ...]) -> _Captured:
        """Return the capture for arguments of this kind, made where there is none."""
        kind = tuple((*_form(a), _needs_gradient(a)) for a in arguments)
        found = self._captures.get(kind)
        if found is None:
            if len(self._captures) == MOST_CAPTURES:
                raise KernelInputError(
                    "arguments",
                    f"at most {MOST_CAPTURES} kinds of shapes, dtypes and devices",
                    f"shapes {[tuple(a.shape) for a in arguments]} as one more",
                    "bring batches to a few sizes, or call the function itself",
                )
            found = self._captures[kind] = _Captured(_capture(self._function, arguments))
        return found


def _capture(function: Loss, arguments: tuple[Tensor, ...]) -> Loss:
    """Capture forward and backward pass of the function for arguments of this kind."""
    static = tuple(a.detach().clone().requires_grad_(_needs_gradient(a)) for a in arguments)
    with torch.cuda.device(static[0].device):
        _check_result(function(*static), static)  # compiles, too
        try:
            # As a module the function would have its forward replaced.
            plain = functools.partial(function)
            replay = torch.cuda.make_graphed_callables(plain, static, allow_unused_input=True)
        except RuntimeError as error:
            raise KernelInputError(
                "function",
                "operations that a CUDA graph can hold",
                str(error).splitlines()[0],
                "take what waits for the device (.item(), float(), print) out of it",
            ) from error
    return cast(Loss, replay)


def _check_result(value: object, arguments: tuple[Tensor, ...]) -> None:
    """Raise unless a value is one tensor that depends on no other leaves than the arguments."""
    if not isinstance(value, Tensor):
        raise KernelInputError("function", "one tensor as its result", type(value).__name__)
    nodes, seen = [value.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor) and not any(leaf is argument for argument in arguments):
            raise KernelInputError(
                "function",
                "a result that depends on no parameter but the arguments",
                f"one of shape {tuple(leaf.shape)} that requires a gradient",
                "pass it as an argument, or detach it",
            )
        nodes.extend(following for following, _ in node.next_functions)


def _check_arguments(arguments: tuple[object, ...]) -> None:
    for argument in arguments:
        if not isinstance(argument, Tensor):
            raise KernelInputError(
                "arguments", "tensors", type(argument).__name__, "bind other values in a function"
            )


def _check_turn(captured: _Captured, call: int, gradient: Tensor) -> None:
    """Raise if a later call has overwritten what the backward pass of this one needs."""
    if captured.calls != call:
        raise RuntimeError(
            "graphed: expected the backward pass of a call before the next call with arguments of "
            f"the same kind, got {captured.calls - call} call(s) in between; call backward() in "
            "turn, or graph one function that takes all arguments"
        )


def _with_gradient_of_its_own(argument: Tensor) -> Tensor:
    """Return the argument such that a leaf's `.grad` is not memory of the capture."""
    if not (argument.is_leaf and _needs_gradient(argument)):
        return argument
    view = argument.view_as(argument)
    view.register_hook(torch.clone)
    return view


def _form(argument: Tensor) -> tuple[Any, ...]:
    return argument.shape, argument.dtype, argument.device


def _needs_gradient(argument: Tensor) -> bool:
    return argument.requires_grad and torch.is_grad_enabled()


def _on_gpu(arguments: tuple[Tensor, ...]) -> bool:
    return all(argument.is_cuda for argument in arguments)


def _inside_a_capture() -> bool:
    return torch.compiler.is_compiling() or torch.cuda.is_current_stream_capturing()
