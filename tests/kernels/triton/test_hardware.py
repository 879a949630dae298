"""The emulated arithmetic against its definition, term by term, and within its bounds."""

import math

import hardware
import numpy as np
import pytest


def truncated(value, exponent, bits):
    """value cut off after so many bits below 2^exponent."""
    unit = 2.0 ** (exponent - bits)
    return math.trunc(value / unit) * unit


def by_hand(a, b, total):
    for start in range(0, len(a), 16):
        terms = [x * y for x, y in zip(a[start : start + 16], b[start : start + 16], strict=True)]
        exponent = math.frexp(max(abs(term) for term in [*terms, total]))[1]
        total = math.fsum(truncated(term, exponent, 26) for term in [*terms, total])
        total = truncated(total, math.frexp(total)[1], 24)
    return total


def test_products_are_cut_off_as_defined():
    rng = np.random.default_rng(0)
    a = (rng.normal(size=(5, 48)) * 2.0 ** rng.integers(-8, 8, (5, 48))).astype(np.float16)
    b, total = rng.normal(size=(48, 3)).astype(np.float16), rng.normal(size=(5, 3)).astype("f4")
    found = hardware.product(a, b, total)
    for i in range(5):
        for j in range(3):
            wide = a[i].astype(float).tolist(), b[:, j].astype(float).tolist()
            assert float(found[i, j]) == by_hand(*wide, float(total[i, j]))


def test_products_drift_towards_zero_where_rounding_does_not():
    # 4,096 products of 1 + 2^-10 with themselves: each addition loses the same way.
    one = np.full((1, 4096), 1 + 2.0**-10, dtype=np.float16)
    exact = 4096 * (1 + 2.0**-10) ** 2
    found = float(hardware.product(one, one.T, np.zeros((1, 1), np.float32))[0, 0])
    rounded = float(np.matmul(one, one.T, dtype=np.float32)[0, 0])
    assert found <= exact
    assert abs(found - exact) >= abs(rounded - exact)


def test_nan_and_infinity_pass_through():
    a, b = np.ones((2, 16), np.float16), np.ones((16, 2), np.float16)
    a[0, 0], b[3, 1] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        found = hardware.product(a, b, np.zeros((2, 2), np.float32))
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [16.0, np.inf]


@pytest.mark.parametrize(
    ("function", "exact", "bound"),
    [
        (hardware.exp2, np.exp2, hardware.EXP2_ERROR),
        (hardware.rsqrt, lambda x: x**-0.5, hardware.RSQRT_ERROR),
        (hardware.sqrt, np.sqrt, hardware.SQRT_ERROR),
        (lambda x: hardware.divided(np.float32(3), x), lambda x: 3 / x, hardware.DIVISION_ERROR),
    ],
)
def test_special_functions_err_up_to_their_bound(function, exact, bound):
    x = np.linspace(0.01, 20, 100_001, dtype=np.float32)
    error = function(x) / exact(x.astype(np.float64)) - 1
    rounding = 2.0**-24
    assert 0.9 * bound < np.abs(error).max() < bound + 2 * rounding
    assert abs(error.mean()) < 0.02 * bound
    assert np.array_equal(function(x), function(x))
    wide = x.astype(np.float64)
    assert np.allclose(function(wide), exact(wide), rtol=1e-15)


def test_what_is_exact_on_a_gpu_stays_exact():
    assert hardware.exp2(np.zeros(3, np.float32)).tolist() == [1, 1, 1]
    assert hardware.exp2(np.float32([-126.5, -200])).tolist() == [0, 0]
    powers = np.float32([2.0**-20, 1.0, 8.0])
    assert np.array_equal(hardware.divided(np.float32(3), powers), np.float32(3) / powers)


def test_sums_are_taken_in_the_order_of_threads():
    x = np.random.default_rng(1).normal(size=(24, 32)).astype(np.float32)
    row = x[5]
    threads = [np.float32(0)] * 4
    for column, value in enumerate(row):
        threads[column % 8 // 2] += value
    by_hand = (threads[0] + threads[1]) + (threads[2] + threads[3])
    assert hardware.summed(x, 1)[5] == by_hand
    column = [np.float32(0)] * 8
    for place, value in enumerate(x[:, 7]):
        column[place % 8] += value
    pairs = [column[i] + column[i + 1] for i in range(0, 8, 2)]
    assert hardware.summed(x, 0)[7] == (pairs[0] + pairs[1]) + (pairs[2] + pairs[3])
    vector = np.ones(1024, np.float32)
    assert hardware.summed(vector, 0) == 1024
    assert hardware.summed(x, None) == np.sum(x)
    assert np.array_equal(hardware.summed(x.astype(np.float64), 1), x.astype(np.float64).sum(1))


def test_the_interpreter_takes_it_on(monkeypatch):
    pytest.importorskip("triton")
    from triton.runtime import interpreter

    before = interpreter.InterpreterBuilder.create_dot, interpreter.ReduceOps.sum
    with monkeypatch.context() as patch:
        hardware.emulate(patch)
        builder = interpreter.InterpreterBuilder
        assert builder.create_dot is not before[0]
        assert interpreter.ReduceOps.sum is not before[1]
    assert (interpreter.InterpreterBuilder.create_dot, interpreter.ReduceOps.sum) == before
