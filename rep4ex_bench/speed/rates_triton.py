"""Exponentials and reciprocal roots in registers on a GPU; imported where Triton is installed.

Every program keeps a block in registers and applies the function to it again and again; the result
is written, so that nothing can be left out.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 1024
_REPEATS = 512
_COPIES = 64  # of the tile: enough programs for every multiprocessor


@triton.jit
def repeated(x_ptr, out_ptr, REPEATS: tl.constexpr, ROOT: tl.constexpr, BLOCK: tl.constexpr):
    """x <- 2^(-x), or (x + 1)^(-1/2), REPEATS times."""
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets)
    for _ in range(REPEATS):
        x = tl.math.rsqrt(x + 1) if ROOT else tl.exp2(-x)
    tl.store(out_ptr + offsets, x)


def launcher(name: str, tile: Tensor) -> Callable[[], int]:
    """Return a function that launches it and returns how often a tile's worth of work was done."""
    return prepared(name, tile)[0]


def prepared(name: str, tile: Tensor) -> tuple[Callable[[], int], Tensor, Tensor]:
    """Return the launching function, its input and its output, several tiles long."""
    x = torch.rand(_COPIES * tile.numel(), device=tile.device)
    out = torch.empty_like(x)

    def run() -> int:
        grid = (x.numel() // _BLOCK,)
        repeated[grid](x, out, REPEATS=_REPEATS, ROOT=name == "rsqrt", BLOCK=_BLOCK)
        return _REPEATS * _COPIES

    return run, x, out
