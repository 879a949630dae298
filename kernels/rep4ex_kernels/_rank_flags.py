"""Warnings of dependent columns that cost no wait: flags that kernels set and a later call reads.

The flags of a GPU lie in pinned host memory, which its kernels reach through the bus, so reading
them asks the device nothing; replays of a CUDA graph set them too. A warning therefore comes with a
later call than the one it is about, or with `rank_warnings`, which waits.
"""

from __future__ import annotations

import ctypes
import warnings

import torch
from torch import Tensor

from rep4ex_kernels.errors import RankDeficientWarning

MOST_COLUMNS = 64
# What the factorisation writes: a column that is left out, one that differs by rounding only.
DEPENDENT_COLUMN, ROUNDED_COLUMN = 1, 2

# {device: (what kernels write to, the same memory as an array of the host)}
_flags: dict[torch.device, tuple[Tensor, ctypes.Array[ctypes.c_int32]]] = {}


def flags_for(tensor: Tensor) -> Tensor:
    """Return the flags (64,) int32 of a tensor's device: 0 where there is nothing to be said."""
    known = _flags.get(tensor.device)
    if known is not None:
        return known[0]
    if tensor.device.type == "cpu":
        flags = torch.zeros(MOST_COLUMNS, dtype=torch.int32)
    elif tensor.device.type != "cuda" or torch.cuda.is_current_stream_capturing():
        # Pinning is not allowed while a graph is captured; after a first call it is done.
        return torch.empty(MOST_COLUMNS, dtype=torch.int32, device=tensor.device)
    else:
        flags = torch.zeros(MOST_COLUMNS, dtype=torch.int32, pin_memory=True)
    _flags[tensor.device] = flags, (ctypes.c_int32 * MOST_COLUMNS).from_address(flags.data_ptr())
    return flags


def give_warnings(device: torch.device) -> None:
    """Warn of what finished calls on a device have flagged so far, and forget it."""
    known = _flags.get(device)
    if known is None or not any(known[1]):
        return
    seen = list(known[1])
    ctypes.memset(known[1], 0, ctypes.sizeof(known[1]))
    dependent = [column for column, flag in enumerate(seen) if flag == DEPENDENT_COLUMN]
    rounded = [column for column, flag in enumerate(seen) if flag == ROUNDED_COLUMN]
    if dependent:
        warnings.warn(
            f"actions: columns {dependent} are constant or linear combinations of the columns "
            "before them; the residual is right, the coefficients are those of minimum norm. "
            "Drop these columns or pass ridge > 0 to choose otherwise",
            RankDeficientWarning,
            stacklevel=2,
        )
    if rounded:
        warnings.warn(
            f"actions: columns {rounded} are linear combinations of the columns before them up to "
            "the rounding of their dtype; their coefficients are noise. Drop these columns, "
            "subtract the mean before rounding, or pass ridge > 0",
            RankDeficientWarning,
            stacklevel=2,
        )


def rank_warnings() -> None:
    """Wait for the GPUs and warn of dependent columns of the actions in calls made so far.

    Raises:
        RankDeficientWarning: (a warning) names the columns.
    """
    for device in list(_flags):
        # not so for a GPU that is only pretended, to count what calls cost (`offline/host_cost`)
        if device.type == "cuda" and torch.cuda.is_initialized():
            torch.cuda.synchronize(device)
        give_warnings(device)
