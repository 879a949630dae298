"""Vectors of float32 as a type of Numba's: a loop over pairs says what runs in parallel.

Left to the compiler, a loop is vectorised or not by what it can prove of its arrays, with checks
and a remainder around it that cost as much as a short loop. Here a loop steps by `LANES`, its
arrays have room for whole vectors, and what lies beyond the data is made to count for nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.extending import models, overload, register_model

# Called with the arguments of what it generates, not of what it decorates.
intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic
# float32 a register: 512 bits where there are such, or else 256 (which compile to two of 128).
LANES = 16 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 8
_FLOAT, _INDEX = ir.FloatType(), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INTEGERS = ir.VectorType(ir.IntType(32), LANES)
# A product and a sum may become one operation; sums keep their order, NaN and infinity their sense.
_FLAGS = ("contract", "nsz")


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f"float32 x {LANES}")


_lanes = _Lanes()


@register_model(_Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, front_end: Any) -> None:
        super().__init__(manager, front_end, _VECTOR)  # type: ignore[no-untyped-call]


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Return the address of array[row, column], a row contiguous, as that of a vector."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    row, column = (
        context.cast(builder, value, kind, types.intp)
        for value, kind in zip(arguments[1:3], signature.args[1:3], strict=True)
    )
    stride = cgutils.unpack_tuple(builder, array.strides, 2)[0]
    base = builder.bitcast(array.data, ir.IntType(8).as_pointer())
    start = builder.gep(base, [builder.mul(row, stride)])
    return builder.gep(builder.bitcast(start, _FLOAT.as_pointer()), [column])


@intrinsic
def load(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """array[row, column : column + LANES]; array (rows, columns) float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        return builder.load(builder.bitcast(address, _VECTOR.as_pointer()), align=4)

    return _lanes(array, row, column), generate


@intrinsic
def store(typing_context: Any, array: Any, row: Any, column: Any, value: Any) -> Any:
    """array[row, column : column + LANES] = value."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        builder.store(arguments[3], builder.bitcast(address, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, row, column, _lanes), generate


def _constant(number: float) -> Any:
    return ir.Constant(_VECTOR, [number] * LANES)


@intrinsic
def every(typing_context: Any, number: Any) -> Any:
    """All lanes equal to a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _broadcast(builder, arguments[0])

    return _lanes(types.float32), generate


def _broadcast(builder: Any, number: Any) -> Any:
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(_INTEGERS, [0] * LANES))


@intrinsic
def spread(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """All lanes equal to array[row, column]."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = builder.load(_address(context, builder, signature, arguments))
        return _broadcast(builder, number)

    return _lanes(array, row, column), generate


def _operation(name: str) -> Callable[..., Any]:
    @intrinsic
    def run(typing_context: Any, left: Any, right: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments, flags=_FLAGS)

        return _lanes(_lanes, _lanes), generate

    def implementation(left: Any, right: Any) -> Any:
        return run(left, right)

    def chosen(left: Any, right: Any) -> Any:
        return implementation if left is _lanes and right is _lanes else None

    return chosen


for _operator, _name in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    overload(_operator)(_operation(_name))


@intrinsic
def exp2(typing_context: Any, x: Any) -> Any:
    """2^x for x in (-126, 126), below that the smallest normal; relative error 1e-7.

    2^f = 1 + f q(f) for |f| <= 1/2, q of degree 5 fitted to the least largest relative error.
    """
    rounder = _constant(1.5 * 2**23)  # adding it rounds to a whole number, in the low bits

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        least = _constant(-126.0)
        above = builder.fcmp_ordered(">", arguments[0], least)
        clamped = builder.select(above, arguments[0], least)
        shifted = builder.fadd(clamped, rounder)
        f = builder.fsub(clamped, builder.fsub(shifted, rounder))
        p = _constant(_COEFFICIENTS[0])
        for coefficient in _COEFFICIENTS[1:]:
            p = builder.fadd(builder.fmul(p, f, flags=_FLAGS), _constant(coefficient), flags=_FLAGS)
        whole = builder.shl(
            builder.bitcast(shifted, _INTEGERS), ir.Constant(_INTEGERS, [23] * LANES)
        )
        return builder.bitcast(builder.add(builder.bitcast(p, _INTEGERS), whole), _VECTOR)

    return _lanes(_lanes), generate


_COEFFICIENTS = (
    0.0001535335904918611,
    0.0013398875016719103,
    0.00961843691766262,
    0.055503323674201965,
    0.24022647738456726,
    0.6931471824645996,
    1.0,
)


@intrinsic
def reciprocal_root(typing_context: Any, x: Any) -> Any:
    """1 / sqrt(x) to rounding, 0 below 1e-36."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tiny = _constant(1e-36)
        above = builder.fcmp_ordered(">", arguments[0], tiny)
        safe = builder.select(above, arguments[0], tiny)
        root = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR]), f"llvm.sqrt.v{LANES}f32"
        )
        # Of fast operations the compiler makes the processor's estimate and a step of Newton's.
        square_root = builder.call(root, [safe], fastmath=("fast",))
        result = builder.fdiv(_constant(1.0), square_root, flags=("fast",))
        return builder.select(above, result, _constant(0.0))

    return _lanes(_lanes), generate


@intrinsic
def where_positive(typing_context: Any, sign: Any, value: Any) -> Any:
    """The value where sign >= 0, and 0 elsewhere."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kept = builder.fcmp_ordered(">=", arguments[0], _constant(0.0))
        return builder.select(kept, arguments[1], _constant(0.0))

    return _lanes(_lanes, _lanes), generate


@intrinsic
def add_totals(
    typing_context: Any, out: Any, c: Any, i: Any, s0: Any, s1: Any, s2: Any, s3: Any
) -> Any:
    """out[c, i + g] += the sum of the lanes of s_g."""
    four = ir.VectorType(_FLOAT, 4)

    def pick(builder: Any, left: Any, right: Any, *places: int) -> Any:
        mask = ir.Constant(ir.VectorType(_INDEX, len(places)), list(places))
        return builder.shuffle_vector(left, right, mask)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums = []
        for vector in arguments[3:]:
            width, value = LANES, vector
            while width > 4:
                width //= 2
                low = pick(builder, value, value, *range(width))
                value = builder.fadd(low, pick(builder, value, value, *range(width, 2 * width)))
            sums.append(value)
        pairs = [
            builder.fadd(pick(builder, a, b, 0, 4, 1, 5), pick(builder, a, b, 2, 6, 3, 7))
            for a, b in (sums[:2], sums[2:])
        ]
        total = builder.fadd(pick(builder, *pairs, 0, 1, 4, 5), pick(builder, *pairs, 2, 3, 6, 7))
        address = _address(context, builder, signature, arguments)
        address = builder.bitcast(address, four.as_pointer())
        builder.store(builder.fadd(builder.load(address, align=4), total), address, align=4)
        return context.get_dummy_value()

    return types.void(out, c, i, _lanes, _lanes, _lanes, _lanes), generate


@intrinsic
def total(typing_context: Any, value: Any) -> Any:
    """The sum of the lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        add = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(_FLOAT, [_FLOAT, _VECTOR]),
            f"llvm.vector.reduce.fadd.v{LANES}f32",
        )
        zero = ir.Constant(_FLOAT, 0.0)
        return builder.call(add, [zero, arguments[0]], fastmath=("reassoc",))

    return types.float32(_lanes), generate
