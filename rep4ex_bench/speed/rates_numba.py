"""Exponentials and reciprocal roots in registers on the CPU; imported where Numba is installed.

The loops keep the sum of what they compute, so that nothing can be left out. The polynomial of 2^x
is the Taylor polynomial of degree 6 on [-1/2, 1/2], relative error 2e-7: what float32 takes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

_ROUNDER = np.float32(1.5 * 2**23)  # adding it rounds to a whole number, in the low bits
_C = [np.float32(math.log(2) ** i / math.factorial(i)) for i in range(7)]
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = _C


def _cast(source: Any, target: Any) -> Any:
    @intrinsic
    def cast(typing_context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), generate

    return cast


_bits = _cast(types.float32, types.int32)
_float = _cast(types.int32, types.float32)


@njit(fastmath={"contract", "nsz"})  # no reassociation: it would cancel the rounder
def _exp2(x: Any) -> Any:
    x = max(x, np.float32(-126))
    shifted = x + _ROUNDER
    f = x - (shifted - _ROUNDER)
    p = ((_C6 * f + _C5) * f + _C4) * f + _C3
    p = ((p * f + _C2) * f + _C1) * f + _C0
    return _float(np.int32(_bits(p) + (_bits(shifted) << np.int32(23))))


@njit(fastmath={"contract", "nsz", "reassoc"})
def _total_exp2(x: Any) -> Any:
    total = np.float32(0)
    for i in range(len(x)):
        total += _exp2(x[i])
    return total


@njit(fastmath=True)
def _total_rsqrt(x: Any) -> Any:
    total = np.float32(0)
    for i in range(len(x)):
        total += np.float32(1) / np.sqrt(-x[i])
    return total


def exp2(x: np.ndarray[Any, Any]) -> float:
    """Sum of 2^x over float32 x at most 0."""
    total: float = _total_exp2(x)
    return total


def rsqrt(x: np.ndarray[Any, Any]) -> float:
    """Sum of (-x)^(-1/2) over float32 x below 0."""
    total: float = _total_rsqrt(x)
    return total
