"""Diagnostics are found by their file; one from outside reaches records, report and terminal."""

import io
import math

import numpy as np
import pytest
from rich.console import Console

from rep4ex_bench.boards.diagnostics import diagnostic_tables
from rep4ex_bench.boards.ranking import leaderboard, rank
from rep4ex_bench.boards.report import render_report
from rep4ex_bench.cli.diagnostics_table import print_diagnostics
from rep4ex_bench.comparison.accuracy import accuracy_changes
from rep4ex_bench.diagnostic import Diagnostic
from rep4ex_bench.errors import PluginError, UsageError
from rep4ex_bench.metric import Metric, NoAnswerError
from rep4ex_bench.records.kinds import DIAGNOSTIC, diagnostics_of, without_diagnostics
from rep4ex_bench.records.predictions import PREDICTION_SCHEMA
from rep4ex_bench.registry import DIAGNOSTICS, get_method, get_scenario, register
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import parse_suite

SUITE = """
name = "diagnosed"
seeds = [0, 1]
metrics = ["nmse_outside", "affine_r2"]
[[scenarios]]
name = "linear_action"
parameters = { n = 400, m = 3 }
[[methods]]
name = "autoencoder"
parameters = { steps = 20, hidden = 4 }
[[methods]]
name = "pca"
[[methods]]
name = "constant_mean"
"""
REPORTED = {
    "condition_number",
    "latent_dim",
    "linear_invariance",
    "linear_invariance_p_value",
    "penalty_weight",
    "reconstruction_error",
    "steps",
}


@pytest.fixture(scope="module")
def outside():
    """Somebody else's diagnostics, known while the tests of this file run."""
    known = dict(DIAGNOSTICS._registered)

    class Spread(Diagnostic):
        """Standard deviation of the predictions."""

        name = "spread_of_predictions"
        title = "spread of the predictions"
        heading = "spread\n<b>"
        unit = "outcomes"

        def compute(self, evaluation):
            return evaluation.prediction.std()

    class Breaks(Diagnostic):
        """Divides by zero for one method."""

        name = "breaks"
        title = "what breaks"

        def compute(self, evaluation):
            if "latent_dim" in evaluation.fitted.diagnostics:
                return 1 / 0
            raise NoAnswerError("nothing to say")

    yield [register(Spread), register(Breaks)]
    DIAGNOSTICS._registered = known


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory):
    """The same run before anybody registered anything."""
    suite = parse_suite(SUITE, "diagnosed.toml")
    return suite, run_suite(suite, tmp_path_factory.mktemp("plain") / "run", workers=1)


@pytest.fixture(scope="module")
def run(plain_run, outside, tmp_path_factory):
    suite = parse_suite(SUITE, "diagnosed.toml")
    return suite, run_suite(suite, tmp_path_factory.mktemp("outside") / "run", workers=1)


def names(records, method):
    found = diagnostics_of(records)
    return set(found.loc[found["method"] == method, "metric"])


def report(records):
    return render_report(records, PREDICTION_SCHEMA.empty_table().to_pandas(), "A run")


def test_every_file_is_a_diagnostic_that_says_what_it_is():
    assert set(DIAGNOSTICS.names()) >= REPORTED | {"support_coverage"}
    for name in DIAGNOSTICS.names():
        diagnostic = DIAGNOSTICS.get(name)
        assert diagnostic.title
        assert diagnostic.heading
        assert all(len(line) <= 12 for line in diagnostic.heading.splitlines())


def test_what_a_method_reports_crosses_to_the_records_and_silence_has_no_record(plain_run):
    _, run = plain_run
    assert names(run.records, "autoencoder") == REPORTED | {"support_coverage"}
    assert names(run.records, "pca") == {"latent_dim"}
    assert names(run.records, "constant_mean") == set()
    found = diagnostics_of(run.records)
    assert set(found["status"]) == {"ok"}
    steps = found.loc[(found["metric"] == "steps"), "value"]
    assert steps.between(1, 20).all()
    latent_dim = found.loc[found["metric"] == "latent_dim", "value"]
    assert set(latent_dim) == {
        float(get_scenario("linear_action", n=400, m=3).sample(0).train.latent_dim)
    }
    covered = found[found["metric"] == "support_coverage"]
    assert covered["at"].nunique() > 3
    assert covered["value"].between(0, 1).all()
    near, far = (covered.loc[covered["at"] == at, "value"].mean() for at in (
        covered["at"].min(), covered["at"].max(),
    ))  # fmt: skip
    assert near > far


def test_one_from_outside_reaches_the_records_and_changes_nothing_else(plain_run, run):
    (plain, before), (suite, after) = plain_run, run
    assert [c.key for c in suite.cells()] == [c.key for c in plain.cells()]
    own = diagnostics_of(after.records)
    spread = own[own["metric"] == "spread_of_predictions"]
    assert len(spread) == 6
    assert spread["value"][spread["method"] != "constant_mean"].gt(0).all()
    columns = ["cell_key", "metric", "at", "value", "status"]
    metrics = [
        without_diagnostics(r.records)[columns].reset_index(drop=True) for r in (before, after)
    ]
    assert metrics[0].equals(metrics[1])


def test_one_that_fails_is_a_record_and_fails_nothing_else(run):
    _, result = run
    broken = diagnostics_of(result.records).query("metric == 'breaks'")
    assert set(broken["status"]) == {"failed"}
    assert set(broken["error"]) == {"ZeroDivisionError: division by zero"}
    assert set(broken["method"]) == {"autoencoder", "pca"}
    assert result.failed == 0
    board = leaderboard(result.records)
    assert (board["cells_ok"] == board["cells"]).all()
    page = report(result.records)
    assert "<dd>6 of 6</dd>" in page
    assert "diagnostic:breaks" in page.partition('id="failures"')[2]


def test_diagnostics_rank_nobody_and_are_not_compared(run):
    _, result = run
    scores = without_diagnostics(result.records)
    assert leaderboard(result.records).equals(leaderboard(scores))
    assert rank(result.records).as_json() == rank(scores).as_json()
    worse = result.records.assign(
        value=result.records["value"].where(
            ~result.records["metric"].str.startswith(DIAGNOSTIC), 1e6
        )
    )
    changes = accuracy_changes(result.records, worse, 1.01, with_costs=False)
    assert {change.ratio for change in changes} == {1.0}
    assert not any("steps" in change.quantity for change in changes)


def test_tables_hold_the_medians_over_seeds(run):
    _, result = run
    scalars, *along = diagnostic_tables(result.records)
    assert [method for method, _ in scalars.rows] == ["autoencoder", "pca", "constant_mean"]
    place = scalars.headings.index(("spread", "<b>"))
    found = diagnostics_of(result.records).query("metric == 'spread_of_predictions'")
    for method, values in scalars.rows:
        own = found.loc[found["method_label"] == method, "value"]
        assert float(values[place].sort) == pytest.approx(np.median(own))
    assert scalars.rows[2][1][scalars.headings.index(("steps",))].text == "\N{EN DASH}"
    (coverage,) = along
    assert "lies where the training code was" in coverage.caption
    assert [method for method, _ in coverage.rows] == ["autoencoder"]
    assert len(coverage.headings) <= 12


def test_the_report_and_the_terminal_show_them_and_say_that_they_rank_nobody(run, plain_run):
    _, result = run
    page = report(result.records)
    section = page.partition('<section id="diagnostics"')[2].partition("</section>")[0]
    assert "They rank nobody" in section
    assert "spread &lt;b&gt;" in section
    assert 'href="#diagnostics"' in page
    text = io.StringIO()
    print_diagnostics(result.records, Console(width=100, file=text))
    assert "<b>" in text.getvalue()
    assert "They rank nobody" in text.getvalue()
    assert "spread &lt;b&gt;" not in report(plain_run[1].records)
    assert 'id="diagnostics"' not in report(without_diagnostics(result.records))


def test_names_that_records_could_not_tell_apart_are_refused(monkeypatch):
    class Wrong(Metric):
        """Called like a diagnostic."""

        name = "diagnostic:steps"

        def compute(self, evaluation):
            return 0.0

    with pytest.raises(PluginError, match="may not begin with 'diagnostic:'"):
        register(Wrong)
    taken = type("Taken", (DIAGNOSTICS.get("steps"),), {"name": "latent_dim"})
    with pytest.raises(UsageError, match="diagnostic 'latent_dim' is registered already"):
        register(taken)


def test_coverage_is_the_certificates():
    task = get_scenario("linear_action", n=400, m=3).sample(0)
    fitted = get_method("autoencoder", steps=5, hidden=4).fit(task.train, 0, "cpu")
    actions = task.train.actions[:7]
    assert np.array_equal(fitted.support_coverage(actions), fitted.certificate.coverage(actions))
    assert get_method("pca").fit(task.train, 0, "cpu").support_coverage(actions) is None
    assert math.isclose(fitted.support_coverage(task.train.actions * 1e6).max(), 0.0)
