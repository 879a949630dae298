"""How numbers are shown, and which range an axis takes."""

from __future__ import annotations

import math

import pytest

from rep4ex_bench.boards.numbers import log_range, median, plain, shown, spread


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (1.0, "1.00"),
        (0.05, "0.0500"),
        (-0.0123456, "−0.0123"),
        (123.456, "123"),
        (1234.4, "1234"),
        (99999.0, "1.0e5"),
        (0.00012, "1.2e−4"),
        (2.5e-12, "2.5e−12"),
        (4.9e138, "4.9e138"),
        (math.nan, "–"),
        (math.inf, "failed"),
    ],
)
def test_three_digits_or_why_not(value, text):
    assert shown(value) == text


def test_spread():
    assert spread(0.5, math.inf) == "0.500 to failed"
    assert spread(math.nan, math.nan) == ""


def test_json_has_no_infinity():
    assert plain(math.inf) is None
    assert plain(math.nan) is None
    assert plain(0.123456789) == 0.12346


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.02, 3.0], (0.01, 10.0)),
        ([0.02, 1e30], (0.01, 100.0)),  # an explosion does not stretch the axis
        ([5e4, 7e4], (0.1, 1e5)),  # unless everything explodes
        ([0.0, 1e-12, 0.5], (1e-6, 10.0)),
        ([math.inf, math.nan], (0.01, 10.0)),
        ([], (0.01, 10.0)),
    ],
)
def test_axis_range(values, expected):
    assert log_range(values) == pytest.approx(expected)


def test_median_of_the_finite():
    assert median([1.0, math.inf, 3.0]) == 2.0
    assert math.isnan(median([]))
