"""Choosing lambda: the rules on made-up paths, the test's level and power, the certificate."""

import math

import numpy as np
import pytest
import torch

from rep4ex_bench import TrainingData, get_method, get_scenario
from rep4ex_bench.errors import DataError, ParameterError
from rep4ex_bench.methods.training.certificate import certify
from rep4ex_bench.methods.training.invariance_test import linear_invariance_test
from rep4ex_bench.methods.training.lambda_selection import PATH, RULES, PathPoint


def auto(steps):
    return get_method("rep4ex", penalty_weight="auto", steps=steps, hidden=16)


def path(reconstruction, p_values, statistics=None):
    statistics = statistics or [0.1] * len(reconstruction)
    weights = [0.0, 1.0, 3.0, 10.0]
    rows = zip(weights, reconstruction, statistics, p_values, strict=True)
    return [PathPoint(*row) for row in rows]


def test_each_rule_on_a_path_where_they_differ():
    found = path([1.0, 0.5, 0.7, 1.5], [0.01, 0.2, 0.01, 0.5], [0.9, 0.5, 0.2, 0.1])
    assert {name: rule(found) for name, rule in RULES.items()} == {
        "reconstruction, of lambda 0": 3,
        "reconstruction, of the best": 2,
        "test": 1,
        "statistic within reconstruction": 2,
        "test and reconstruction": 1,
    }


@pytest.mark.parametrize("name", RULES)
def test_rules_do_not_care_for_the_order_of_the_path(name):
    found = path([1.0, 0.5, 0.7, 1.5], [0.01, 0.2, 0.01, 0.5], [0.9, 0.5, 0.2, 0.1])
    turned = found[::-1]
    assert turned[RULES[name](turned)] == found[RULES[name](found)]


@pytest.mark.parametrize("name", RULES)
def test_rules_choose_where_no_test_was_possible_or_all_reject(name):
    for p_value in (math.nan, 0.002):
        found = path([1.0, 0.9, 1.1, 9.0], [p_value] * 4)
        assert 0 <= RULES[name](found) < 4


def rejections(bend, repetitions=200, n=300):
    rng = np.random.default_rng(0)
    count = 0
    for seed in range(repetitions):
        actions = rng.uniform(-1, 1, (n, 2))
        scale = 0.3 + np.abs(actions).sum(axis=1, keepdims=True)  # the spread depends on A
        code = actions @ np.array([[1.0, 0.5], [-0.5, 1.0]]) + scale * rng.normal(size=(n, 2))
        code[:, 1] += bend * np.cos(3 * actions[:, 0])
        result = linear_invariance_test(code, torch.from_numpy(actions), seed, draws=99)
        count += result.p_value <= 0.05
    return count / repetitions


def test_level_and_power_of_the_test():
    # three standard errors of a share of 5 % over 200 repetitions are 4.6 %
    assert rejections(0.0) < 0.05 + 0.046
    assert rejections(1.0) > 0.8


def test_the_statistic_is_zero_on_average_and_the_test_wants_rows():
    rng = np.random.default_rng(1)
    values = []
    for seed in range(100):
        actions = torch.from_numpy(rng.uniform(-1, 1, (200, 1)))
        code = 2 * actions.numpy() + rng.normal(size=(200, 1))
        values.append(linear_invariance_test(code, actions, seed, draws=1).statistic)
    assert abs(np.mean(values)) < 4 * np.std(values) / 10
    with pytest.raises(DataError, match="at least k"):
        linear_invariance_test(np.ones((3, 1)), torch.zeros(3, 1), 0)


@pytest.fixture(scope="module")
def fitted():
    task = get_scenario("linear_action", n=1200, layers=1, outcome="bump").sample(3)
    return task, auto(steps=300).fit(task.train, device="cpu")


def test_auto_chooses_from_the_path_and_says_which(fitted):
    task, chosen = fitted
    weight = chosen.diagnostics["penalty_weight"]
    assert weight in PATH
    again = get_method("rep4ex", steps=300, hidden=16, penalty_weight=weight)
    alone = again.fit(task.train, device="cpu")
    features = task.train.features
    assert (alone.represent(features) == chosen.represent(features)).all()


def test_auto_never_looks_at_the_outcome(fitted):
    task, chosen = fitted
    train = task.train
    other = TrainingData(train.actions, train.features, train.outcome.flip(0), train.latent_dim)
    refitted = auto(steps=300).fit(other, device="cpu")
    assert (refitted.represent(train.features) == chosen.represent(train.features)).all()


def test_without_held_out_rows_one_lambda_is_trained():
    train = get_scenario("linear_action", n=100, outcome="bump").sample(0).train
    fitted = auto(steps=10).fit(train, device="cpu")
    assert fitted.diagnostics["penalty_weight"] == 3.0
    assert math.isnan(fitted.certificate.p_value)


@pytest.mark.parametrize("wrong", ["automatic", -1.0, math.nan, True])
def test_a_wrong_weight_is_refused(wrong):
    with pytest.raises(ParameterError, match="penalty_weight"):
        get_method("rep4ex", penalty_weight=wrong)


def test_the_certificate_is_what_held_out_rows_give(fitted):
    task, chosen = fitted
    certificate = chosen.certificate
    code = chosen.represent(task.train.features)
    assert certificate.condition_number == pytest.approx(np.linalg.cond(np.cov(code.T)))
    assert 0 < certificate.p_value <= 1
    assert certificate.reconstruction_error < 1
    diagnostics = chosen.diagnostics
    assert diagnostics["linear_invariance_p_value"] == certificate.p_value
    assert diagnostics["backend"] == "torch"


def test_coverage_falls_with_distance_from_the_support(fitted):
    task, chosen = fitted
    ray = torch.tensor([[0.0, 0.0], [1.0, 1.0], [3.0, 3.0], [40.0, 40.0]])
    coverage = chosen.certificate.coverage(ray)
    assert coverage.shape == (4,)
    assert coverage[0] > 0.95
    assert coverage[-1] == 0
    assert (np.diff(coverage) < 0).all()
    assert get_method("pca").fit(task.train).certificate is None


def test_a_bent_code_is_found_out_by_its_certificate():
    """A network whose code is the true latents passes; the same latents bent do not."""
    task = get_scenario("linear_action", n=4000, alpha=2.0, outcome="bump").sample(0)

    class Fixed:
        held_out = torch.arange(1000)

        def __init__(self, bend):
            self.code = task.oracle.latents + bend * task.oracle.latents**2

        def encode(self, features, actions=None):
            return self.code

        def reconstruction_error(self, features, actions=None):
            return 0.0

    assert certify(Fixed(0.0), task.train, 0).p_value > 0.02
    assert certify(Fixed(0.3), task.train, 0).p_value < 0.005
