"""Arrays and tensors as files have them: contiguous, finite, of a closed list of dtypes.

The order of the axes in memory is kept, because a product of matrices rounds by it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rep4ex_bench.errors import UsageError

_KINDS = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool"
DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in _KINDS.split()}


def dtype_name(values: np.ndarray[Any, Any] | Tensor) -> str:
    """Return the name of a dtype, without the library's."""
    return str(values.dtype).removeprefix("torch.")


def to_stored(values: np.ndarray[Any, Any] | Tensor, place: str) -> tuple[Tensor, list[int]]:
    """Return a contiguous copy on the CPU, and which axes of the values its axes are.

    Args:
        values: of any shape.
        place: where they stand, for messages.

    Raises:
        UsageError: another dtype, or values that are not finite.
    """
    if dtype_name(values) not in DTYPES:
        raise UsageError(
            f"cannot save {place}: expected one of the dtypes {', '.join(DTYPES)}, got "
            f"{values.dtype}; convert it where `state` returns it"
        )
    if isinstance(values, Tensor):
        tensor, steps = values.detach(), values.stride()
        contiguous = values.is_contiguous()
    else:
        contiguous, steps = values.flags.c_contiguous, values.strides
        tensor = torch.from_numpy(np.array(values, order="K"))
    axes = list(range(tensor.ndim))
    if not contiguous:
        axes.sort(key=lambda axis: -abs(steps[axis]))
    stored = tensor.cpu().permute(axes).contiguous().clone()
    if not is_finite(stored):
        raise UsageError(
            f"cannot save {place}: expected finite values, got some that are not; what was fitted "
            "is of no use, or `state` should leave them out"
        )
    return stored, axes


def from_stored(stored: Tensor, axes: list[int]) -> Tensor:
    """Return the values again, in memory of their own."""
    places = [axes.index(axis) for axis in range(len(axes))]
    # a clone lies where torch aligns memory, which a part of a file does not
    return stored.clone().permute(places)


def is_finite(values: Tensor) -> bool:
    """Say whether all values are finite."""
    return bool(torch.isfinite(values).all())
