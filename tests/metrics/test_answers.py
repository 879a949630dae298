"""Metrics of intervals and of draws: against closed forms, and the whole way through a run."""

import numpy as np
import pytest
from scipy import stats

from rep4ex_bench.errors import DataError
from rep4ex_bench.evaluation import evaluate
from rep4ex_bench.method import FittedMethod
from rep4ex_bench.metric import Evaluation
from rep4ex_bench.metrics.energy_score import energy_scores
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.questions import QUESTIONS, ask
from rep4ex_bench.registry import get_method, get_scenario
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import parse_suite

METRICS = ["coverage_90", "interval_width", "energy_score"]


class Oracular(FittedMethod):
    """Intervals about the truth of given half widths; draws from nature itself."""

    def __init__(self, task, shift=0.0, half=0.1):
        self.task, self.shift, self.half = task, shift, half

    def predict_do(self, actions):
        places = [np.abs(self.task.queries.actions - a).sum(1).argmin() for a in actions.numpy()]
        return self.task.truth.values[places]

    def predict_interval(self, actions, level):
        centre = self.predict_do(actions) + self.shift
        return np.column_stack([centre - self.half, centre + self.half])

    def sample_outcome_do(self, actions, n, seed):
        rows = np.repeat(actions.double().numpy(), n, axis=0)
        return self.task.oracle.draw_outcome_do(rows, seed).reshape(len(actions), n) + self.shift


def values(task, fitted):
    found = evaluate(Evaluation(task, fitted, task.truth.values, 0), METRICS)
    return {one.metric: one for one in found}


@pytest.fixture(scope="module")
def task():
    return get_scenario("linear_action", n=200, m=4).sample(1)


def test_coverage_and_width_of_intervals_that_are_known(task):
    spread = task.truth.values[task.queries.scored & (task.queries.distance > 1)].std()
    hit, miss = values(task, Oracular(task)), values(task, Oracular(task, shift=0.2))
    assert (hit["coverage_90"].value, miss["coverage_90"].value) == (1.0, 0.0)
    assert hit["interval_width"].value == pytest.approx(0.2 / spread)
    wrong = values(task, Oracular(task, half=-0.1))["coverage_90"]
    assert wrong.status == "failed"
    assert "with lower above upper" in wrong.error


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 1.0), (1.5, 1.0), (-0.5, 2.0)])
def test_the_energy_score_of_two_gaussians(mean, scale):
    rng = np.random.default_rng(0)
    drawn, natural = rng.normal(mean, scale, (40, 800)), rng.normal(size=(40, 800))
    between = np.hypot(1, scale)
    expected = (
        2 * between * stats.norm.pdf(mean / between)
        + mean * (1 - 2 * stats.norm.cdf(-mean / between))
        - scale / np.sqrt(np.pi)
    )
    assert energy_scores(drawn, natural).mean() == pytest.approx(expected, abs=0.02)


def test_the_energy_score_is_least_for_the_right_distribution(task):
    right = values(task, Oracular(task))["energy_score"].value
    for shift in (-1.0, 1.0):
        assert values(task, Oracular(task, shift))["energy_score"].value > right + 0.02


def test_a_method_without_answers_is_skipped_and_wrong_shapes_are_named(task):
    fitted = get_method("constant_mean").fit(task.train, 0, "cpu")
    found = values(task, fitted)
    assert {one.status for one in found.values()} == {"skipped"}
    assert found["energy_score"].error == "the method draws no outcomes"
    oracular = Oracular(task)
    oracular.predict_interval = lambda actions, level: np.zeros(len(actions))
    wrong = values(task, oracular)["interval_width"]
    assert wrong.status == "failed"
    assert "predict_interval must return shape (54, 2), got" in wrong.error.replace(
        f"({(task.queries.scored & (task.queries.distance > 1)).sum()}, 2)", "(54, 2)"
    )


def test_intervals_of_least_squares_are_those_of_statsmodels(task):
    import statsmodels.api as sm

    fitted = get_method("ols_on_actions").fit(task.train, 0, "cpu")
    actions = task.train.actions[:7] * 2
    reference = sm.OLS(
        task.train.outcome.double().numpy(), sm.add_constant(task.train.actions.double().numpy())
    ).fit()
    predicted = reference.get_prediction(sm.add_constant(actions.double().numpy()))
    expected = predicted.conf_int(alpha=0.1)
    np.testing.assert_allclose(fitted.predict_interval(actions, 0.9), expected, rtol=1e-7)
    draws = ask(fitted, "sample_outcome_do", actions, n=4000, seed=3)
    np.testing.assert_allclose(draws.mean(1), fitted.predict_do(actions), atol=0.2)
    assert draws.std(axis=1).mean() == pytest.approx(reference.resid.std(), rel=0.05)


def test_every_question_is_a_method_that_may_be_left_out(task):
    fitted = get_method("constant_mean").fit(task.train, 0, "cpu")
    rows = {"actions": task.train.actions[:3], "features": task.train.features[:3]}
    rows["queries"] = QueryData(rows["actions"])
    numbers = {"level": 0.9, "n": 4, "seed": 1}
    for question in QUESTIONS.values():
        given = {name: numbers[name] for name in question.numbers}
        answer = ask(fitted, question.name, rows.get(question.of, rows["features"]), **given)
        assert (answer is not None) == question.needed
    with pytest.raises(DataError, match=r"predict_do must return shape \(3\), got \(\)"):
        ask(Scalar(), "predict_do", rows["actions"])


class Scalar(FittedMethod):
    def predict_do(self, actions):
        return 1.0


def test_the_answers_cross_to_another_process(tmp_path):
    suite = parse_suite(
        f"""
name = "answers"
seeds = [0]
metrics = {METRICS!r}
[[scenarios]]
name = "linear_action"
parameters = {{ n = 100, m = 3 }}
[[methods]]
name = "ols_on_actions"
[[methods]]
name = "constant_mean"
""",
        "answers.toml",
    )
    records = run_suite(suite, tmp_path / "run", workers=1).records
    task = get_scenario("linear_action", n=100, m=3).sample(0)
    found = records.set_index(["method", "metric"])
    assert set(found.loc["ols_on_actions", "status"]) == {"ok"}
    assert set(found.loc["constant_mean", "status"]) == {"skipped"}
    direct = values(task, get_method("ols_on_actions").fit(task.train, 0, "cpu"))
    for name in ("coverage_90", "interval_width"):
        assert found.loc[("ols_on_actions", name), "value"] == pytest.approx(direct[name].value)
