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


@triton.jit
def repeated(x_ptr, out_ptr, REPEATS: tl.constexpr, ROOT: tl.constexpr, BLOCK: tl.constexpr):
    """x <- 2^(-x), or (x + 1)^(-1/2), REPEATS times."""
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets)
    for _ in range(REPEATS):
        x = tl.math.rsqrt(x + 1) if ROOT else tl.exp2(-x)
    tl.store(out_ptr + offsets, x)


def launcher(name: str, tile: Tensor) -> Callable[[], int]:
    """Return a function that launches it on a tile and returns how many times it was applied."""
    x = torch.rand_like(tile, dtype=torch.float32).repeat(64)
    out = torch.empty_like(x)

    def run() -> int:
        grid = (x.numel() // _BLOCK,)
        repeated[grid](x, out, REPEATS=_REPEATS, ROOT=name == "rsqrt", BLOCK=_BLOCK)
        return _REPEATS * (x.numel() // tile.numel())

    return run
