"""Radial kernels on tiles of squared distances m: values less a level, and weights.

The weight is c in d k / d z_i = -c (z_i - z_j). Every form is robust to the rounding of the special
functions (2^-22 of their results): the inverse multiquadric and the series are differences that are
small where the result is, and a root is corrected by one Newton step.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_pairs import exponential_remainder
from rep4ex_kernels.mmd.triton_state import (
    DISTANCE,
    GAUSSIAN,
    GAUSSIAN_MIXTURE,
    IMQ,
    LAPLACE,
)

# How the weights of several Gaussians are found: by whatever the bandwidths are, by squaring, or by
# an exponential each. The first is what runs; the others are looked at by the cost model.
AS_THEY_ARE, BY_SQUARING, ONE_BY_ONE = (tl.constexpr(way) for way in range(3))


@triton.jit
def root(m, apart, PRECISE: tl.constexpr):
    """sqrt(m) and its inverse, both zero where not apart."""
    inverse = tl.where(apart, tl.rsqrt(m), 0.0)
    value = m * inverse
    if PRECISE:
        value = tl.fma(tl.fma(-value, value, m), 0.5 * inverse, value)
    return value, inverse


@triton.jit
def separate_gaussians(m, rates_ptr, level, Q: tl.constexpr):
    """Value less the level and weight of several Gaussians, an exponential each."""
    one = tl.exp2(m * -tl.load(rates_ptr))
    value = one - level
    weight = one * tl.load(rates_ptr + 1)
    for b in tl.static_range(1, Q):
        one = tl.exp2(m * -tl.load(rates_ptr + 4 * b))
        value += one
        weight += one * tl.load(rates_ptr + 4 * b + 1)
    return value, weight


@triton.jit
def squared_gaussians(m, rates_ptr, level, Q: tl.constexpr):
    """The same for bandwidths of which each is half of the one before it."""
    one = tl.exp2(m * -tl.load(rates_ptr))
    value = one - level
    weight = one * tl.load(rates_ptr + 1)
    for b in tl.static_range(1, Q):
        if b % 3 == 0:  # each squaring doubles the relative error
            one = tl.exp2(m * -tl.load(rates_ptr + 4 * b))
        else:
            one = one * one
            one = one * one
        value += one
        weight += one * tl.load(rates_ptr + 4 * b + 1)
    return value, weight


@triton.jit
def gaussians(m, rates_ptr, level, chain, Q: tl.constexpr, WAY: tl.constexpr):
    """Value less the level and weight of several Gaussians, widest first."""
    if WAY == BY_SQUARING:
        value, weight = squared_gaussians(m, rates_ptr, level, Q)
    elif WAY == ONE_BY_ONE:
        value, weight = separate_gaussians(m, rates_ptr, level, Q)
    elif chain:
        value, weight = squared_gaussians(m, rates_ptr, level, Q)
    else:
        value, weight = separate_gaussians(m, rates_ptr, level, Q)
    return value, weight


@triton.jit
def laplacians(length, rates_ptr, level, Q: tl.constexpr):
    """Value less the level of Laplace kernels and their weights without 1 / length."""
    one = tl.exp2(length * -tl.load(rates_ptr))
    value = one - level
    weight = one * tl.load(rates_ptr + 1)
    for b in tl.static_range(1, Q):
        one = tl.exp2(length * -tl.load(rates_ptr + 4 * b))
        value += one
        weight += one * tl.load(rates_ptr + 4 * b + 1)
    return value, weight


@triton.jit
def multiquadric(m, rates_ptr):
    """Value less that at t_0 and weight of one inverse multiquadric u = (1 + t)^(-1/2).

    With g the value at t_0 the difference is (t_0 - t) u^2 g^2 / (u + g), without cancellation, as
    u^2 = 1 / (1 + t).
    """
    rate = tl.load(rates_ptr)
    g = tl.load(rates_ptr + 3)
    u = tl.rsqrt(tl.fma(m, rate, 1.0))
    square = u * u
    ratio = g * tl.rsqrt(u + g)
    value = tl.fma(m, -rate, tl.load(rates_ptr + 2)) * (square * (ratio * ratio))
    return value, square * (u * tl.load(rates_ptr + 1))


@triton.jit
def radial(
    m, rates_ptr, level, zero, chain,
    KIND: tl.constexpr, Q: tl.constexpr, PRECISE: tl.constexpr, WAY: tl.constexpr,
):  # fmt: skip
    """k - g and weight for squared distances m; at or below ``zero`` they have no direction."""
    if KIND == DISTANCE:
        value, weight = root(m, m > zero, PRECISE)
        value -= level
    elif KIND == GAUSSIAN:
        weight = tl.exp2(-m)
        value = weight - level
    elif KIND == GAUSSIAN_MIXTURE:
        value, weight = gaussians(m, rates_ptr, level, chain, Q, WAY)
    elif KIND == LAPLACE:
        length, inverse = root(m, m > zero, PRECISE)
        value, weight = laplacians(length, rates_ptr, level, Q)
        weight *= inverse
    else:
        value, weight = multiquadric(m, rates_ptr)
        for b in tl.static_range(1, Q):
            next_value, next_weight = multiquadric(m, rates_ptr + 4 * b)
            value += next_value
            weight += next_weight
    return value, weight


@triton.jit
def wide_gaussian(m, rates_ptr):
    """2^-t - 1 + t ln 2, and the weight less that at zero, of one wide Gaussian."""
    t = m * tl.load(rates_ptr)
    value = exponential_remainder(t)
    return value, (value - t * 0.6931471805599453) * tl.load(rates_ptr + 1)


@triton.jit
def wide_laplacian(length, rates_ptr):
    """2^-t - 1, and the weight without 1 / length, of one wide Laplace kernel."""
    t = length * tl.load(rates_ptr)
    value = exponential_remainder(t) - t * 0.6931471805599453
    return value, (value + 1.0) * tl.load(rates_ptr + 1)


@triton.jit
def wide_multiquadric(m, rates_ptr):
    """u - 1 + t / 2 = t^2 u^2 (1 + 2 u) / (2 (1 + u)^2), and the weight less that at zero."""
    t = m * tl.load(rates_ptr)
    u = tl.rsqrt(1.0 + t)
    part = tl.rsqrt(1.0 + u)
    ratio = t * u * (part * part)  # 1 - u is u times that
    below = ratio * u * (1.0 + u * (1.0 + u))
    return ratio * ratio * (0.5 + u), below * -tl.load(rates_ptr + 1)


@triton.jit
def wide(m, rates_ptr, KIND: tl.constexpr):
    """One wide kernel; m is the distance itself for a Laplace kernel."""
    if KIND == LAPLACE:
        value, weight = wide_laplacian(m, rates_ptr)
    elif KIND == IMQ:
        value, weight = wide_multiquadric(m, rates_ptr)
    else:
        value, weight = wide_gaussian(m, rates_ptr)
    return value, weight


@triton.jit
def radial_series(m, rates_ptr, zero, KIND: tl.constexpr, Q: tl.constexpr, PRECISE: tl.constexpr):
    """The same where all bandwidths are wide.

    A smooth kernel is one less a multiple of m less a remainder: the value is the remainder, and
    the sum of m comes from moments; its weight is less that at zero. Of a Laplace kernel, whose
    distances have no such sum, the value is k - 1.
    """
    if KIND == LAPLACE:
        m, inverse = root(m, m > zero, PRECISE)
    value, weight = wide(m, rates_ptr, KIND)
    for b in tl.static_range(1, Q):
        next_value, next_weight = wide(m, rates_ptr + 4 * b, KIND)
        value += next_value
        weight += next_weight
    if KIND == LAPLACE:
        weight *= inverse
    return value, weight
