"""Controls: every scenario is solved by its own, and hardness is what closed forms say."""

import json
import math

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from rep4ex_bench import get_scenario, run_suite
from rep4ex_bench.controls import Control, Controls
from rep4ex_bench.errors import ConformanceError, DataError, PluginError
from rep4ex_bench.hardness import Hardness, judge, measure
from rep4ex_bench.installed import missing_package
from rep4ex_bench.registry import SCENARIOS
from rep4ex_bench.scenario_conformance import check_controls
from rep4ex_bench.scenarios import _structural
from rep4ex_bench.scenarios.linear_action import LinearAction
from rep4ex_bench.seeding import derive_seed

NAMES = [
    name
    for name in SCENARIOS.names()
    if name != "own_data" and missing_package(SCENARIOS.get(name)) is None
]
# one latent is no more than a regression on one action, unless l bends, which takes rows to be seen
ROWS = {"narrow_support": 10_000}
OLS = (Control("ols_on_actions"),)


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_is_solved_by_its_controls_and_not_without_features(name, monkeypatch):
    # truth takes most of the time; its error is then a hundredth of a standard deviation
    monkeypatch.setattr(_structural, "DRAWS", 10_000)
    known = SCENARIOS.get(name).parameter_names()
    check_controls(get_scenario(name, **({"n": ROWS.get(name, 1500)} if "n" in known else {})))


class Quick(LinearAction):
    """With one negative control that takes no time, and the bound that a test wants."""

    wanted = 0.1
    controls = property(lambda self: Controls(self.wanted, negative=OLS))


def quick(bound=0.1, **parameters):
    return type("Quick", (Quick,), {"wanted": bound})(n=1500, **parameters)


@pytest.fixture(scope="module")
def measured():
    return measure(quick(outcome="bump", mixing="linear", confounding=1.0, noise=0.5), 0)


def test_a_linear_mixing_is_undone_by_linear_maps(measured):
    assert measured.linear_r2 == pytest.approx(1, abs=1e-6)
    assert measured.quadratic_r2 == pytest.approx(1, abs=1e-6)


def test_a_curved_mixing_is_harder_for_linear_maps_than_for_quadratic_ones():
    found = measure(quick(outcome="bump", k=1, d=1, m=2), 0)
    assert found.linear_r2 < 0.9 < found.quadratic_r2 < 1


def test_the_readout_of_linear_cca_is_that_of_whitened_columns(measured):
    assert measured.cca_r2 > 0.99  # a linear mixing, and eight directions of rounding alone
    scenario = quick(outcome="bump", m=4, layers=5, slope=0.05)
    task = scenario.sample(3)
    x, a = task.train.features.double().numpy(), task.train.actions.double().numpy()
    fresh = task.oracle.draw(2000, derive_seed(3, "hardness"))
    # whitened features and actions, and the singular vectors of their cross-covariance
    (ux, sx, vx), (ua, _, _) = (
        np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False) for columns in (x, a)
    )
    directions = vx.T / sx @ np.linalg.svd(ux.T @ ua)[0][:, :2]
    code, new = ((rows - x.mean(axis=0)) @ directions for rows in (x, fresh.features))
    readout = LinearRegression().fit(code, task.oracle.latents)
    left = fresh.latents - readout.predict(new)
    expected = 1 - (left**2).sum() / ((fresh.latents - fresh.latents.mean(axis=0)) ** 2).sum()
    found = measure(scenario, 3)
    assert found.cca_r2 == pytest.approx(expected, abs=1e-3)
    assert found.cca_r2 < found.linear_r2 < 0.9


def test_the_share_of_the_actions_is_that_of_their_variance(measured):
    task = quick(outcome="bump", mixing="linear").sample(0)
    # A is uniform on [-1, 1], of variance 1/3; V has unit variances
    by_actions = (task.oracle.action_effect**2).sum() / 3
    assert measured.actions_r2 == pytest.approx(by_actions / (by_actions + 2), abs=0.05)


def test_confounding_is_the_share_of_the_noise_that_moves_with_v(measured):
    assert measured.confounding == pytest.approx(1 / 1.25, abs=0.03)
    without = measure(quick(outcome="bump", mixing="linear", confounding=0.0), 0)
    assert without.confounding == pytest.approx(0, abs=0.03)


def test_what_is_no_such_thing_is_not_a_number(measured):
    task = quick(outcome="bump").sample(0)

    class Elsewhere(Quick):
        offers = frozenset({"features"})
        controls = None

        def sample(self, seed):
            return type(task)(task.train, task.queries, task.truth, None)

    with pytest.raises(DataError, match="no oracle"):
        measure(Elsewhere(), 0)
    nothing = Hardness(0, {}, {}, 1.0, 1.0, 1.0, 1.0, 1.0)
    assert (nothing.best_positive, nothing.best_negative) == (math.inf, math.inf)


SUITE = """\
name = "tiny"
seeds = 1
[[scenarios]]
name = "linear_action"
label = "solved"
parameters = { n = 300 }
[[scenarios]]
name = "linear_action"
label = "unsolved"
parameters = { k = 1, d = 1, m = 2, n = 300, alpha = 2.0, outcome = "bump" }
[[methods]]
name = "constant_mean"
[[methods]]
name = "ols_on_actions"
[[methods]]
name = "oracle_control_function"
[[methods]]
name = "oracle_mixed_axes"
"""


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SUITE)
    return path


def test_errors_of_controls_are_those_of_a_run(suite, tmp_path):
    records = run_suite(suite, tmp_path / "run", workers=1).records
    rows = records[records["metric"] == "nmse_outside"].set_index(["scenario_label", "method"])
    found = measure(get_scenario("linear_action", n=300), 0)
    for name, error in {**found.positive, **found.negative}.items():
        if name != "mlp_on_actions":  # the run has none
            assert error == pytest.approx(rows.loc[("solved", name), "value"], rel=1e-9)
    assert len(found.positive) == 2


def test_the_command_says_what_is_unsolved(suite, tmp_path):
    from click.testing import CliRunner

    from rep4ex_bench.cli.main import cli

    out = tmp_path / "numbers.json"
    called = CliRunner().invoke(cli, ["controls", str(suite), "--seeds", "1", "--out", str(out)])
    assert called.exit_code == 1, called.output
    assert "unsolved: nmse_outside 0.25 is reached by the best positive control on 0 of 1" in (
        called.output
    )
    assert "mlp_on_actions" in called.output
    numbers = json.loads(out.read_text())
    assert [(one["solved"], one["bound"]) for one in numbers.values()] == [
        (True, 0.1),
        (False, 0.25),
    ]
    (seed,) = numbers["solved"]["seeds"]
    assert set(seed["negative"]) == {"constant_mean", "ols_on_actions", "mlp_on_actions"}
    called = CliRunner().invoke(
        cli, ["controls", str(suite), "--seeds", "1", "--scenario", "solved"]
    )
    assert called.exit_code == 0, called.output


def test_a_scenario_that_its_oracles_cannot_solve_is_caught():
    parameters = {"k": 1, "d": 1, "m": 2, "alpha": 2.0, "outcome": "bump"}
    with pytest.raises(ConformanceError, match=r"got unsolved: .* on [01] of 3 seeds"):
        check_controls(quick(**parameters))


def test_a_scenario_that_actions_alone_solve_is_caught():
    with pytest.raises(ConformanceError, match=r"got solved, easy: .* negative one on 3"):
        check_controls(quick(bound=5.0, outcome="bump"))


def test_a_scenario_without_controls_claims_nothing():
    class Silent(Quick):
        controls = None

    check_controls(Silent())
    found = judge(Silent(n=200, outcome="bump"), [0])
    assert (found.solved, found.easy, found.text) == (None, None, "no controls")
    assert np.isfinite(found.seeds[0].linear_r2)


@pytest.mark.parametrize("bound", [0.0, -1.0, math.inf, math.nan, "0.1", True, None])
def test_a_bound_is_a_number_above_zero(bound):
    with pytest.raises(PluginError, match="a finite number above 0"):
        Controls(bound)


def test_controls_are_checked_where_they_are_declared(monkeypatch):
    monkeypatch.setattr(SCENARIOS, "_registered", {})
    with pytest.raises(PluginError, match="got none: name one"):
        Controls(0.1, positive=())
    with pytest.raises(PluginError, match="got ols_on_actions, ols_on_actions: name each once"):
        Controls(0.1, positive=OLS, negative=OLS)
    wrong = type("Wrong", (Quick,), {"name": "wrong", "controls": 0.1})
    with pytest.raises(PluginError, match=r"scenario 'wrong': `controls` must be .*got 0\.1"):
        SCENARIOS.register(wrong)
    wrong.controls = property(lambda self: {"bound": 0.1})
    SCENARIOS.register(wrong)
    with pytest.raises(PluginError, match="`controls` must be"):
        get_scenario("wrong").checked_controls()


def test_which_scenarios_have_controls():
    assert get_scenario("linear_action").controls.bound == 0.1
    assert get_scenario("photo_crop", outcome="bump").controls.bound == 0.25
    assert SCENARIOS.get("own_data")().controls is None
