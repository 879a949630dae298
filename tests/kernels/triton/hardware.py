"""The arithmetic of a GPU in Triton's interpreter, which computes with NumPy's.

Where they differ, and what `emulate` does about it:

* A tensor core adds half-precision products to a float32 accumulator without rounding: of each
  group of 16 products, which are exact, and the accumulator, every term is aligned to the largest
  one and cut off two bits below the 24 of float32; their sum is cut off to 24. That is an H100.
  (Li et al. 2024, "FTTN: feature-targeted testing for numerical properties of NVIDIA and AMD matrix
  accelerators"; before it Fasi, Higham, Mikaitis and Pranesh 2021.)
* A sum along an axis is taken by threads, each over the elements that it holds one after another,
  and then over pairs of threads. NumPy's sums are more accurate.
* exp2, reciprocal square root, square root and division of float32 are approximate: the relative
  errors that the PTX manual allows, here of any sign and size below the bound. As on a GPU they
  depend on the operand alone. Subnormal results of exp2 become zero.

float64 is the same on both.
"""

from __future__ import annotations

import functools

import numpy as np

GROUP = 16
BITS, EXTRA_BITS = 24, 2
THREADS = 128

# PTX ISA, ex2.approx.ftz.f32, rsqrt.approx.ftz.f32, sqrt.approx.ftz.f32, div.full.f32.
EXP2_ERROR = 2.0**-22
RSQRT_ERROR = 2.0**-22.9
SQRT_ERROR = 2.0**-23
DIVISION_ERROR = 2.0**-22
SMALLEST_NORMAL = np.float32(2.0**-126)


def emulate(monkeypatch):
    """Replace the interpreter's operations for one test; does nothing where there is a GPU."""
    from triton.runtime import interpreter

    handle = interpreter.TensorHandle

    def unary(function):
        return lambda self, x: handle(function(x.data), x.dtype.scalar)

    def divide(self, x, y):
        return handle(divided(x.data, y.data), x.dtype.scalar)

    def dot(self, a, b, d, input_precision, max_num_imprecise_acc):
        return handle(product(a.data, b.data, d.data), d.dtype.scalar)

    def reduced(self, x):
        data = summed(x.handle.data, self.axis)
        kept = np.expand_dims(data, self.axis) if self.keep_dims and self.axis is not None else data
        return self.to_tensor(kept, x.dtype)

    replaced = {
        "create_dot": dot,
        "create_exp2": unary(exp2),
        "create_rsqrt": unary(rsqrt),
        "create_sqrt": unary(sqrt),
        "create_fdiv": divide,
    }
    for name, function in replaced.items():
        monkeypatch.setattr(interpreter.InterpreterBuilder, name, function)
    monkeypatch.setattr(interpreter.ReduceOps, "sum", reduced)


def product(a, b, total):
    """total + a @ b for a (M, K) and b (K, N) as a tensor core adds them; float32 total (M, N)."""
    if a.dtype != np.float16 or total.dtype != np.float32:
        return np.matmul(a, b, dtype=total.dtype) + total
    a, b, total = (x.astype(np.float64) for x in (a, b, total))
    for start in range(0, a.shape[1], GROUP):
        group = slice(start, start + GROUP)
        terms = np.concatenate([a.T[group, :, None] * b[group, None], total[None]])
        largest = np.frexp(np.maximum(terms.max(0), -terms.min(0)))[1]
        # In units of the last bit kept, terms are whole numbers once cut off: their sum is exact.
        terms *= np.ldexp(1.0, BITS + EXTRA_BITS - largest)
        units = np.trunc(terms, out=terms).sum(0)
        total = cut_off(units * np.ldexp(1.0, largest - BITS - EXTRA_BITS))
    return total.astype(np.float32)


def cut_off(x):
    """Numbers truncated to the 24 bits of float32, those that are not finite as they are."""
    fraction, exponent = np.frexp(x)
    return np.trunc(fraction * 2.0**BITS) * np.ldexp(1.0, exponent - BITS)


def summed(x, axis):
    """Sum of x along an axis in the order of a GPU's threads; the whole of x without an axis.

    A thread that takes part in a tensor core's product holds two of every eight columns, and one
    of every eight rows, of a tile. Of a vector each of 128 threads holds neighbours.
    """
    if x.dtype != np.float32 or axis is None or x.shape[axis] < 8:
        return np.sum(x, axis=axis)
    along_rows = axis in (-1, x.ndim - 1)
    x = np.moveaxis(x, axis, -1)
    length = x.shape[-1]
    if x.ndim == 1:
        threads = min(THREADS, length)
        held = x.reshape(threads, -1).T
    elif along_rows:
        held = np.moveaxis(x.reshape(*x.shape[:-1], length // 8, 4, 2), (-3, -1), (0, 1))
        held = held.reshape(length // 4, *x.shape[:-1], 4)
    else:
        held = np.moveaxis(x.reshape(*x.shape[:-1], length // 8, 8), -2, 0)
    threads = functools.reduce(np.add, held)
    while threads.shape[-1] > 1:
        threads = threads[..., ::2] + threads[..., 1::2]
    return threads[..., 0]


def exp2(x):
    if x.dtype != np.float32:
        return np.exp2(x)
    # ex2.approx is exact at zero.
    value = perturbed(np.exp2(x), x, np.where(x == 0, 0.0, EXP2_ERROR))
    return np.where(value < SMALLEST_NORMAL, np.float32(0), value)


def rsqrt(x):
    exact = 1 / np.sqrt(x)
    return perturbed(exact, x, RSQRT_ERROR) if x.dtype == np.float32 else exact


def sqrt(x):
    exact = np.sqrt(x)
    return perturbed(exact, x, SQRT_ERROR) if x.dtype == np.float32 else exact


def divided(x, y):
    exact = np.divide(x, y)
    if exact.dtype != np.float32:
        return exact
    # The reciprocal of a power of two is exact.
    return perturbed(exact, y, np.where(np.abs(np.frexp(y)[0]) == 0.5, 0.0, DIVISION_ERROR))


def perturbed(value, operand, bound):
    """value with relative errors up to the bound that are a function of the operand's bits."""
    bits = np.ascontiguousarray(operand, dtype=np.float32).view(np.uint32).reshape(operand.shape)
    mixed = bits * np.uint32(2654435761)
    mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(2246822519)
    error = (mixed >> np.uint32(8)) * (2.0**-23) - 1.0
    return (value.astype(np.float64) * (1 + bound * error)).astype(np.float32)
