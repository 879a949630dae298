"""The dials: step 0 holds, the others break what they say, and the truth has it in it."""

import math

import numpy as np
import pytest
from scipy import stats

from rep4ex_bench import get_scenario
from rep4ex_bench.errors import ConformanceError, ParameterError
from rep4ex_bench.scenario_conformance import SCENARIO_CHECKS
from rep4ex_bench.scenarios import _broken_parts as parts
from rep4ex_bench.scenarios import _structural
from rep4ex_bench.scenarios._structural import correlated_noise
from rep4ex_bench.scenarios._violations import STEPS, VIOLATIONS, Setting
from rep4ex_bench.vocabulary import ASSUMPTIONS

BREAKING = sorted(name for name, one in VIOLATIONS.items() if one.breaks)


@pytest.fixture(autouse=True)
def few_draws(request, monkeypatch):
    """Most tests do not look at the truth, whose Monte Carlo takes the time."""
    if "truth" not in request.function.__name__:
        monkeypatch.setattr(_structural, "DRAWS", 500)


def _scenario(violation, step, rows=400):
    return get_scenario("broken", violation=violation, step=step, rows=rows)


class _Claims:
    """A scenario that claims every assumption."""

    def __init__(self, scenario):
        self._scenario = scenario

    def __getattr__(self, name):
        return getattr(self._scenario, name)

    def checked_assumptions(self):
        return frozenset(ASSUMPTIONS)


@pytest.mark.parametrize("violation", BREAKING)
def test_the_last_step_breaks_what_it_says_and_nothing_else(violation):
    scenario = _scenario(violation, STEPS - 1)
    task = scenario.sample(3)
    found = set()
    for check in SCENARIO_CHECKS:
        check(scenario, task)
        try:
            check(_Claims(scenario), task)
        except ConformanceError:
            found.add(check.__name__.removeprefix("check_"))
    # l is that of a linear oracle alone, so exclusion cannot be looked at without one; that noise
    # on the features may bring distant latents together, as declared, need not show in few rows
    unseen = {"exclusion", "injective_mixing"} if violation != "fold" else set()
    assert found - {"known_dimension"} <= VIOLATIONS[violation].breaks
    assert VIOLATIONS[violation].breaks - found <= unseen


def test_step_0_of_dials_that_share_their_setting_is_one_task():
    same = [name for name, one in VIOLATIONS.items() if one.at(0) == Setting()]
    assert len(same) > 8
    hashes = {_scenario(name, 0, 50).sample(4).train.content_hash() for name in same[:4]}
    assert len(hashes) == 1


def test_every_step_is_another_task():
    for name in ("nonlinear_actions", "few_levels"):
        tasks = [_scenario(name, step, 50).sample(4) for step in range(STEPS)]
        assert len({task.train.content_hash() for task in tasks}) == STEPS


@pytest.mark.parametrize("violation", ["nonlinear_actions", "heteroscedastic", "direct_quadratic"])
def test_truth_is_the_mean_of_outcomes_under_do(violation):
    task = _scenario(violation, 3, 50).sample(2)
    outside = np.flatnonzero(task.queries.scored & (task.queries.distance > 2))[::40]
    for row in outside:
        actions = np.repeat(task.queries.actions[row][None], 20_000, axis=0)
        outcome = task.oracle.draw_outcome_do(actions, 7)
        error = math.hypot(outcome.std() / math.sqrt(len(outcome)), task.truth.standard_errors[row])
        assert abs(outcome.mean() - task.truth.values[row]) < 5 * error


def test_a_bent_action_moves_latents_as_written():
    effect = np.array([[1.0, 0.5], [0.0, 2.0]])
    actions, noise = np.array([[0.5, -2.0]]), np.array([[0.1, 0.2]])
    bent = [0.5 + 0.4 * (0.25 - 1 / 3), -2.0 + 0.4 * (4.0 - 1 / 3)]
    expected = [bent[0] + 0.5 * bent[1] + 0.1, 2 * bent[1] + 0.2]
    np.testing.assert_allclose(parts.bent(effect, 0.4)(actions, noise), [expected])
    spread = parts.spread_by_actions(effect, 0.3)(actions, noise)
    np.testing.assert_allclose(spread - actions @ effect.T, np.exp(0.15) * noise)


@pytest.mark.parametrize("bound", [1.0, 3.0])
def test_truncated_noise_is_bounded_and_of_variance_one(bound):
    draws = correlated_noise(np.eye(1), parts.truncated(bound))(100_000, 0)
    assert draws.var() == pytest.approx(1.0, rel=0.02)
    largest = bound / stats.truncnorm(-bound, bound).std()
    assert 0.97 * largest < np.abs(draws).max() <= largest * (1 + 1e-12)


def test_an_exponential_power_of_one_is_laplace():
    draws = correlated_noise(np.eye(1), parts.exponential_power(1.0))(50_000, 0)[:, 0]
    assert stats.kstest(draws, stats.laplace(scale=1 / np.sqrt(2)).cdf).pvalue > 1e-3
    far = parts.exponential_power(0.5)(np.array([9.0, -9.0]))
    assert np.isfinite(far).all()
    assert far[0] == -far[1] > 50


def test_exogenous_latents_are_in_the_features_and_nowhere_else():
    told, untold = (
        _scenario(name, 2, 3_000).sample(1) for name in ("exogenous_told", "exogenous_untold")
    )
    assert (told.train.latent_dim, untold.train.latent_dim) == (4, 2)
    assert told.train.moved_dim == untold.train.moved_dim == 2
    np.testing.assert_array_equal(told.train.features.numpy(), untold.train.features.numpy())
    outcome, further = told.train.outcome.numpy(), told.oracle.latents[:, 2:]
    for column in further.T:
        assert abs(np.corrcoef(column, outcome)[0, 1]) < 5 / math.sqrt(len(outcome))
        assert abs(np.corrcoef(column, told.train.actions.numpy()[:, 0])[0, 1]) < 0.1
    plain = _scenario("exogenous_told", 0, 3_000).sample(1)
    np.testing.assert_array_equal(told.train.outcome.numpy(), plain.train.outcome.numpy())
    np.testing.assert_allclose(told.truth.values, plain.truth.values, rtol=1e-12)


def test_noise_of_the_features_is_a_share_of_their_spread():
    task, clean = (
        _scenario("feature_noise", 3, 4_000).sample(1),
        _scenario("feature_noise", 0, 4_000).sample(1),
    )
    added = task.train.features.numpy() - clean.train.features.numpy()
    ratio = added.std(axis=0) / clean.train.features.numpy().std(axis=0)
    np.testing.assert_allclose(ratio, 0.3, rtol=0.08)
    own = task.oracle.counterfactual(task.train.actions.double().numpy())
    np.testing.assert_allclose(own.features, task.train.features.numpy(), atol=1e-2)
    one, other = (task.oracle.draw(200, seed).features for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_a_fold_gives_two_latents_the_same_features():
    task = _scenario("fold", 3, 50).sample(0)
    place = task.oracle.mixing.place
    pair = np.array([[place - 0.4, 0.7], [place + 0.4, 0.7]])
    features = task.oracle.mixing(pair)
    np.testing.assert_allclose(features[0], features[1])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"step": 5}, "an integer from 0 to 4"),
        ({"violation": "bend"}, "one of 'nonlinear_actions'"),
        ({"rows": 3}, "0, or an integer of at least 4"),
    ],
)
def test_parameters_outside_their_domain(parameters, said):
    with pytest.raises(ParameterError, match=said):
        get_scenario("broken", **parameters)
