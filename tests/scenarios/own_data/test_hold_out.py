"""The hold-out expression: what pandas makes of it, and nothing that could be run."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rep4ex_bench.errors import DataError, UnknownNameError
from rep4ex_bench.scenarios._own_data.hold_out import held_out_rows

ACTIONS = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a1", "dose mg"])


@pytest.mark.parametrize(
    "expression",
    [
        "a1 > 1",
        "abs(a1) > 1.5 or a1 < -0.2",
        "not (a1 > 1 and a1 <= 2)",
        "-0.5 <= a1 < 0.5",
        "a1 ** 2 + 3 * a1 / 2 - 1 >= 0",
        "a1 != a1",
        "a1 == a1",
        "-a1 > 0.3",
    ],
)
def test_as_pandas_says(expression):
    expected = ACTIONS.eval(expression)
    np.testing.assert_array_equal(held_out_rows(expression, ACTIONS), expected)


def test_a_name_in_quotes():
    found = held_out_rows("'dose mg' > 0.1", ACTIONS)
    np.testing.assert_array_equal(found, ACTIONS["dose mg"] > 0.1)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "a1",
        "1 > 0",
        "a1 + 1",
        "True",
        "a1 >",
        "__import__('os').system('true')",
        "a1.__class__ == 1",
        "abs(a1, a1) > 1",
        "abs(x=a1) > 1",
        "max(a1) > 1",
        "[a1 > 1]",
        "(lambda: a1)() > 1",
        "a1 in a1",
        "a1 and a1",
        "not a1",
        "(a1 > 1) + 1 > 0",
        "a1 > 1j",
        "a1 > 1" + "0" * 400,
        "a1 > " + "-" * 1900 + "1",
        "(" * 500 + "a1" + ")" * 500 + " > 1",
        "a1 > 1 or " * 300 + "a1 > 2",
        "a1 > \0",
        "a1 := 3",
        "f'{a1}' > 1",
        "a1 if a1 > 1 else a1",
    ],
)
def test_anything_else_is_refused(expression):
    with pytest.raises(DataError):
        held_out_rows(expression, ACTIONS)


def test_an_unknown_name_is_told_the_near_one():
    with pytest.raises(UnknownNameError, match="did you mean 'a1'"):
        held_out_rows("a11 > 1", ACTIONS)


@given(st.text(max_size=60))
def test_no_text_does_anything_but_our_errors(text):
    try:
        found = held_out_rows(text, ACTIONS)
    except (DataError, UnknownNameError):
        return
    assert found.shape == (50,)
    assert found.dtype == bool


@given(st.text(alphabet="a1 ()<>=+-*/.'andortbs,", max_size=40))
def test_no_text_of_its_own_letters_does_either(text):
    test_no_text_does_anything_but_our_errors.hypothesis.inner_test(text)
