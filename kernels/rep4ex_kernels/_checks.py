"""Checks of arguments, and the bringing of tensors to one shape, dtype and device.

Shapes, dtypes and devices are checked everywhere. Values (NaN, infinity, signs) are checked on CPU
tensors only: on a GPU the check would wait for the device at every call, so there NaN propagates
into the result.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rep4ex_kernels.errors import KernelInputError

PRECISIONS = ("precise", "fast")
_LOW_PRECISION = (torch.float16, torch.bfloat16)


def check_matrix(argument: str, value: object, minimum_columns: int = 1) -> Tensor:
    """Return `value` if it is a real floating tensor of shape (..., n, columns)."""
    if not isinstance(value, Tensor):
        raise KernelInputError(
            argument, "a torch.Tensor", type(value).__name__, "convert it with torch.as_tensor"
        )
    if not value.dtype.is_floating_point:
        raise KernelInputError(
            argument, "a real floating dtype", value.dtype, "convert it with .to(torch.float32)"
        )
    if value.dim() < 2:
        raise KernelInputError(
            argument, "shape (..., n, columns)", f"shape {tuple(value.shape)}", "add an axis"
        )
    if value.shape[-1] < minimum_columns:
        raise KernelInputError(
            argument, f"at least {minimum_columns} column(s)", f"shape {tuple(value.shape)}"
        )
    return value


def check_rows(argument: str, value: Tensor, minimum: int, why: str) -> None:
    """Raise unless (..., n, columns) has at least `minimum` rows."""
    if value.shape[-2] < minimum:
        raise KernelInputError(argument, f"n >= {minimum} rows ({why})", f"n = {value.shape[-2]}")


def check_same_rows(first: str, a: Tensor, second: str, b: Tensor) -> None:
    """Raise unless both hold the same observations."""
    if a.shape[-2] != b.shape[-2]:
        raise KernelInputError(
            second, f"n = {a.shape[-2]} rows, as in {first}", f"n = {b.shape[-2]}"
        )


def check_same_device(first: str, a: Tensor, second: str, b: Tensor) -> None:
    """Raise unless both are on one device."""
    if a.device != b.device:
        raise KernelInputError(
            second,
            f"device {a.device}, as {first}",
            f"device {b.device}",
            f"move one with .to({str(a.device)!r})",
        )


def check_choice(argument: str, value: str, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        raise KernelInputError(argument, "one of " + ", ".join(map(repr, choices)), repr(value))
    return value


def check_constant(argument: str, value: Tensor) -> None:
    """Raise if a derivative is asked for that the op does not have."""
    if value.requires_grad and torch.is_grad_enabled():
        raise KernelInputError(
            argument,
            "a constant (this op is not differentiated with respect to it)",
            "a tensor with requires_grad=True",
            "call .detach() on it",
        )


def check_positive_number(argument: str, value: object) -> float:
    """Return a finite positive float."""
    number = float(value) if isinstance(value, int | float) else math.nan
    if not math.isfinite(number) or number <= 0:
        raise KernelInputError(argument, "a finite number above 0", repr(value))
    return number


def check_finite(argument: str, value: Tensor) -> None:
    """Raise on NaN or infinity in a CPU tensor; other devices are not waited for."""
    if value.device.type != "cpu" or value.numel() == 0 or math.isfinite(float(value.sum())):
        return
    bad = int(torch.count_nonzero(~torch.isfinite(value)))
    if bad:  # a finite tensor may still overflow its sum
        raise KernelInputError(
            argument, "finite values", f"{bad} NaN or infinite of {value.numel()}"
        )


def check_positive(argument: str, value: Tensor, remedy: str = "") -> None:
    """Raise unless every entry of a CPU tensor is finite and above zero."""
    if value.device.type != "cpu" or value.numel() == 0:
        return
    good = torch.isfinite(value) & (value > 0)
    if not bool(good.all()):
        first = float(value.detach()[~good].flatten()[0])
        raise KernelInputError(argument, "finite values above 0", first, remedy)


def working_dtype(*tensors: Tensor) -> torch.dtype:
    """Return the dtype of the result: the widest given, float32 at least."""
    dtype = tensors[0].dtype
    for tensor in tensors[1:]:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return torch.float32 if dtype in _LOW_PRECISION else dtype


def leading_shape(**tensors: Tensor) -> torch.Size:
    """Return the broadcast leading shape of (..., n, columns) tensors."""
    first, *others = (t.shape[:-2] for t in tensors.values())
    if all(shape == first for shape in others):  # broadcasting is slow
        return first
    try:
        return torch.Size(torch.broadcast_shapes(*(t.shape[:-2] for t in tensors.values())))
    except RuntimeError as error:
        shapes = ", ".join(f"{name} {tuple(t.shape)}" for name, t in tensors.items())
        raise KernelInputError(
            " and ".join(tensors), "leading dimensions that broadcast", shapes
        ) from error


def flatten_leading(value: Tensor, leading: torch.Size, dtype: torch.dtype) -> Tensor:
    """Return (..., n, columns) as contiguous (B, n, columns) of `dtype`."""
    value = value.to(dtype)
    if value.shape[:-2] != leading:  # autograd would keep an expansion that expands nothing
        value = value.expand(*leading, *value.shape[-2:])
    return value.reshape(leading.numel(), *value.shape[-2:]).contiguous()
