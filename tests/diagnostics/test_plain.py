"""What a method says of its fit, as numbers and texts, whatever it is; reported diagnostics."""

import math
from fractions import Fraction

import numpy as np
import pytest

from rep4ex_bench.conformance import check_diagnostics, conformance_tasks
from rep4ex_bench.errors import ConformanceError, DataError
from rep4ex_bench.evaluation import diagnose
from rep4ex_bench.method import FittedMethod, Method
from rep4ex_bench.metric import Evaluation
from rep4ex_bench.questions import ask, plain
from rep4ex_bench.registry import get_scenario


class Saying(FittedMethod):
    """Says what it is told to; covers queries likewise."""

    def __init__(self, said, covered=None):
        self.said, self.covered = said, covered

    def predict_do(self, actions):
        return np.zeros(len(actions))

    def support_coverage(self, actions):
        return None if self.covered is None else np.full(len(actions), self.covered)

    @property
    def diagnostics(self):
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


class SayingMethod(Method):
    """A method whose fit says what it is told to."""

    name = "saying"

    def __init__(self, said=None):
        self.said = said

    def fit(self, train, seed=0, device="auto"):
        return Saying(self.said)


@pytest.fixture(scope="module")
def task():
    return get_scenario("linear_action", n=60, m=3).sample(0)


def diagnosed(task, fitted, name):
    evaluation = Evaluation(task, fitted, task.truth.values, 0)
    return [(v.metric, v.at, v.value, v.status, v.error) for v in diagnose(evaluation, [name])]


def test_numbers_and_texts_stay_and_all_else_says_what_it_is():
    found = plain(
        {"a": 1, "b": np.float32(0.5), "c": "x" * 5000, "d": [1], 5: Fraction(1, 4), "e": 10**400}
        | {"f": math.inf, "g": np.int64(3), "h": None}
    )
    assert found.pop("c").startswith("xxx")
    assert found == {
        "a": 1.0, "b": 0.5, "d": "no number but list", "5": 0.25,
        "e": "a number that is too large", "f": math.inf, "g": 3.0, "h": "no number but NoneType",
    }  # fmt: skip
    assert len(plain({"name" * 100: 1})) == 1
    assert len(plain({str(i): i for i in range(1000)})) == 100
    with pytest.raises(DataError, match="must be a mapping of names to numbers or texts, got list"):
        plain([1])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"steps": np.int64(7)}, ("diagnostic:steps", 7.0, "ok", "")),
        ({"steps": math.inf}, ("diagnostic:steps", math.inf, "ok", "")),
        ({"steps": math.nan}, None),
        ({}, None),
        ({"steps": "many"}, ("diagnostic:steps", None, "failed", "must be a number, got 'many'")),
        ({"steps": [7]}, ("diagnostic:steps", None, "failed", "'no number but list'")),
        (7, ("diagnostic:steps", None, "failed", "must be a mapping")),
        (KeyError("no"), ("diagnostic:steps", None, "failed", "KeyError: 'no'")),
    ],
)
def test_a_reported_number(task, said, expected):
    found = diagnosed(task, Saying(said), "steps")
    if expected is None:
        assert found == []
        return
    ((metric, at, value, status, error),) = found
    assert math.isnan(at)
    assert (metric, status) == (expected[0], expected[2])
    assert expected[3] in error
    assert value == expected[1] or (expected[1] is None and math.isnan(value))


def test_coverage_by_distance_and_shares_that_are_none(task):
    found = diagnosed(task, Saying({}, 0.25), "support_coverage")
    scored = task.queries.distance[task.queries.scored]
    assert [at for _, at, *_ in found] == sorted(set(scored))
    assert {value for _, _, value, *_ in found} == {0.25}
    assert diagnosed(task, Saying({}), "support_coverage") == []
    ((*_, status, error),) = diagnosed(task, Saying({}, 1.5), "support_coverage")
    assert status == "failed"
    assert "must return shares between 0 and 1, got 1.5 to 1.5" in error
    with pytest.raises(DataError, match="shares between 0 and 1"):
        ask(Saying({}, -0.1), "support_coverage", task.train.actions)


def test_an_unknown_diagnostic_is_a_failure_of_its_own(task):
    ((metric, _, _, status, error),) = diagnosed(task, Saying({}), "stepz")
    assert (metric, status) == ("diagnostic:stepz", "failed")
    assert "did you mean 'steps'" in error


@pytest.mark.parametrize(
    ("said", "message"),
    [([1], "must be a mapping"), ({1: 2}, "must be texts"), ({"a": [1]}, "got list for 'a'")],
)
def test_conformance_refuses_what_is_not_plain(said, message):
    task = conformance_tasks()[0]
    check_diagnostics(
        SayingMethod({"backend": "torch", "steps": 3, "share": np.float64(0.5)}), task
    )
    with pytest.raises(ConformanceError, match=message):
        check_diagnostics(SayingMethod(said), task)
