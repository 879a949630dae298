"""exp2 as a polynomial on the bits of a float32, which Numba's compiler vectorises."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic


@intrinsic
def _as_float(typing_context: Any, bits: Any) -> Any:
    """Read the bits of an int32 as a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


@intrinsic
def _as_bits(typing_context: Any, number: Any) -> Any:
    """Read a float32 as the int32 of its bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int32))

    return types.int32(types.float32), generate


# Adding it rounds to a whole number, which then lies in the low bits.
_ROUNDER = np.float32(1.5 * 2**23)


@njit(fastmath={"contract", "nsz"})  # no reassociation: it would cancel the rounder
def exp2(x: Any) -> Any:
    """2^x for float32 x in (-126, 126), below that the smallest normal; relative error 1e-7.

    2^f = 1 + f q(f) for |f| <= 1/2, q of degree 5 fitted to the least largest relative error.
    """
    x = max(x, np.float32(-126.0))
    shifted = x + _ROUNDER
    f = x - (shifted - _ROUNDER)
    p = np.float32(0.0001535335904918611)
    p = p * f + np.float32(0.0013398875016719103)
    p = p * f + np.float32(0.00961843691766262)
    p = p * f + np.float32(0.055503323674201965)
    p = p * f + np.float32(0.24022647738456726)
    p = p * f + np.float32(0.6931471824645996)
    p = p * f + np.float32(1.0)
    whole: Any = _as_bits(shifted)  # type: ignore[call-arg]
    bits: Any = _as_bits(p)
    return _as_float(np.int32(bits + (whole << np.int32(23))))
