"""Metrics are found by their file; one from outside goes from a suite to a comparison."""

import math

import numpy as np
import pytest

from rep4ex_bench.comparison.accuracy import accuracy_changes
from rep4ex_bench.errors import UnknownNameError, UsageError
from rep4ex_bench.evaluation import DEFAULT_METRICS, evaluate, from_predictions
from rep4ex_bench.metric import Evaluation, Metric, NoAnswerError
from rep4ex_bench.registry import METRICS, get_method, get_metric, get_scenario, register
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import parse_suite

SUITE = """
name = "one_metric"
seeds = [0]
metrics = ["worst_error", "nmse_outside"]
[[scenarios]]
name = "linear_action"
parameters = { n = 60, m = 3 }
[[methods]]
name = "ols_on_actions"
[[methods]]
name = "constant_mean"
"""


@pytest.fixture
def worst_error(monkeypatch):
    """A metric of somebody else's, known for the length of a test."""
    monkeypatch.setattr(METRICS, "_registered", dict(METRICS._registered))

    class WorstError(Metric):
        """Largest absolute error at a scored query."""

        name = "worst_error"
        title = "largest error"
        heading = "worst"
        unit = "outcome"
        asks_method = False

        def compute(self, evaluation):
            mask = evaluation.task.queries.scored
            return np.abs(evaluation.prediction - evaluation.task.truth.values)[mask].max()

    yield register(WorstError)
    get_metric.cache_clear()


def test_every_file_is_a_metric_that_says_what_it_is():
    assert set(DEFAULT_METRICS) <= set(METRICS.names())
    for name in METRICS.names():
        metric = METRICS.get(name)
        assert metric.title
        assert metric.heading
        assert all(len(line) <= 12 for line in metric.heading.splitlines())
        assert metric.better in ("lower", "higher")
        assert metric.error_name() == (name if metric.best == 0 else f"{metric.best:g} - {name}")


def test_a_metric_from_outside_reaches_the_records_and_the_comparison(worst_error, tmp_path):
    suite = parse_suite(SUITE, "one_metric.toml")
    records = run_suite(suite, tmp_path / "run", workers=1).records
    found = records[records["metric"] == "worst_error"].set_index("method")["value"]
    task = get_scenario("linear_action", n=60, m=3).sample(0)
    mask = task.queries.scored
    mean = float(task.train.outcome.double().mean())
    assert found["constant_mean"] == pytest.approx(
        np.abs(task.truth.values[mask] - mean).max(), rel=1e-6
    )
    assert found["ols_on_actions"] > 0
    better = records.assign(
        value=records["value"].where(records["metric"] != "worst_error", records["value"] / 2)
    )
    changes = accuracy_changes(records, better, 1.01, with_costs=False)
    ratios = {change.quantity: change.ratio for change in changes}
    assert ratios["worst_error"] == pytest.approx(0.5)
    assert ratios["nmse_outside"] == pytest.approx(1.0)


def test_a_default_suite_does_not_change_when_a_metric_is_added(worst_error):
    text = SUITE.replace('metrics = ["worst_error", "nmse_outside"]', "")
    assert parse_suite(text, "plain.toml").metrics == DEFAULT_METRICS


def test_what_cannot_be_judged_is_skipped_and_what_breaks_hides_nothing(monkeypatch):
    monkeypatch.setattr(METRICS, "_registered", dict(METRICS._registered))

    class Breaks(Metric):
        """Divides by zero."""

        name = "breaks"

        def compute(self, evaluation):
            return 1 / 0

    class Silent(Metric):
        """Has nothing to judge."""

        name = "silent"

        def compute(self, evaluation):
            raise NoAnswerError("the method gives no intervals")

    register(Breaks)
    register(Silent)
    task = get_scenario("linear_action", n=60, m=3).sample(0)
    fitted = get_method("ols_on_actions").fit(task.train, 0, "cpu")
    evaluation = Evaluation(task, fitted, task.truth.values, 0)
    found = {v.metric: v for v in evaluate(evaluation, ["breaks", "silent", "nmse_outside"])}
    get_metric.cache_clear()
    assert (found["breaks"].status, found["breaks"].error) == (
        "failed", "ZeroDivisionError: division by zero",
    )  # fmt: skip
    assert (found["silent"].status, found["silent"].error) == (
        "skipped", "the method gives no intervals",
    )  # fmt: skip
    assert math.isnan(found["silent"].value)
    assert found["nmse_outside"].value == 0.0


def test_names_are_checked_and_only_metrics_of_predictions_are_scored_without_a_method(worst_error):
    with pytest.raises(UnknownNameError, match="unknown metric 'nmse_outsid': did you mean"):
        get_metric("nmse_outsid")
    with pytest.raises(UsageError, match="metric 'nmse_inside' is registered already"):
        register(type("Other", (worst_error,), {"name": "nmse_inside"}))
    names = ["affine_r2", "nmse_inside", "worst_error", "of a stranger"]
    assert from_predictions(names) == ["nmse_inside", "worst_error"]
