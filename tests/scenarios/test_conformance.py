"""What every registered scenario must keep, third-party ones included.

Parameters that a scenario may lack (n, confounding, noise) are set only where it has them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.base import clone

from rep4ex_bench.errors import ParameterError, UnknownNameError
from rep4ex_bench.installed import missing_package
from rep4ex_bench.registry import SCENARIOS, get_scenario
from rep4ex_bench.scenario import Scenario, Task
from rep4ex_bench.scenarios import _structural

ROWS = 3000
# generators; `own_data` is a table, and has neither oracle nor defaults (see its own tests)
NAMES = [
    name
    for name in SCENARIOS.names()
    if name != "own_data" and missing_package(SCENARIOS.get(name)) is None
]
# one family may need several of its parameter settings tried
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in NAMES),
    ("linear_action", {"outcome": "interaction"}),
    ("linear_action", {"outcome": "bump", "k": 1, "d": 1, "m": 2}),
    ("photo_crop", {"photo": "flower", "outcome": "bump", "alpha": 2.0}),
]
IDS = ["-".join([name, *map(str, parameters.values())]) for name, parameters in VARIANTS]


def _scenario(name: str, **parameters: Any) -> Scenario:
    known = SCENARIOS.get(name).parameter_names()
    wanted = {"n": ROWS, **parameters}
    return get_scenario(name, **{key: value for key, value in wanted.items() if key in known})


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Truth takes most of the time of a sample; for tests that do not judge it."""
    monkeypatch.setattr(_structural, "DRAWS", 1_000)


@pytest.fixture(params=VARIANTS, ids=IDS, scope="module")
def task(request: pytest.FixtureRequest) -> Task:
    name, parameters = request.param
    return _scenario(name, **parameters).sample(0)


def _bits(task: Task) -> list[bytes]:
    fresh = task.oracle.draw(20, 5)
    outside = task.oracle.draw_do(task.queries.actions[:20], 5)
    arrays = [
        task.queries.actions,
        task.queries.distance,
        task.queries.path_position,
        task.truth.values,
        task.truth.standard_errors,
        task.oracle.latents,
        task.oracle.latent_noise,
        task.oracle.action_effect,
        fresh.actions,
        fresh.latents,
        fresh.features,
        outside.features,
    ]
    return [task.train.content_hash().encode(), *(array.tobytes() for array in arrays)]


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("name", NAMES)
def test_seed_decides_every_bit(name: str) -> None:
    first = _scenario(name, n=200).sample(7)
    np.random.seed(1)  # no global random state may have a say
    torch.manual_seed(1)
    assert _bits(_scenario(name, n=200).sample(7)) == _bits(first)
    other = _scenario(name, n=200).sample(8)
    for part in ("actions", "features", "outcome"):
        assert not torch.equal(getattr(first.train, part), getattr(other.train, part))
    assert not np.array_equal(first.truth.values, other.truth.values)
    assert not np.array_equal(first.oracle.action_effect, other.oracle.action_effect)


def test_training_data_are_float32_and_finite(task: Task) -> None:
    train = task.train
    shapes = [train.actions.shape, train.features.shape, train.outcome.shape]
    assert shapes == [(train.n, train.k), (train.n, train.m), (train.n,)]
    for tensor in (train.actions, train.features, train.outcome):
        assert tensor.dtype == torch.float32
        assert bool(torch.isfinite(tensor).all())
    assert bool((train.features.std(dim=0) > 0).all())


def test_oracle_explains_the_training_data(task: Task) -> None:
    oracle, train = task.oracle, task.train
    d = oracle.latents.shape[1]
    assert train.latent_dim == d
    assert oracle.action_effect.shape == (d, train.k)
    actions = train.actions.double().numpy()
    # Z = M0 A + V up to the float32 rounding of A
    rebuilt = actions @ oracle.action_effect.T + oracle.latent_noise
    np.testing.assert_allclose(oracle.latents, rebuilt, rtol=0, atol=1e-5)
    features = oracle.mixing(oracle.latents)
    if oracle.feature_noise is not None:
        features = features + oracle.feature_noise
    assert torch.equal(torch.from_numpy(features).float(), train.features)


def test_fresh_draws_follow_the_training_distribution(task: Task) -> None:
    oracle, train = task.oracle, task.train
    fresh = oracle.draw(train.n, 17)
    pairs = [
        (fresh.actions, train.actions.double().numpy()),
        (fresh.latents, oracle.latents),
        (fresh.features[:, :3], train.features[:, :3].double().numpy()),
    ]
    for new, old in pairs:
        assert new.shape == old.shape
        assert not np.array_equal(new, old)
        for column in range(new.shape[1]):
            assert stats.ks_2samp(new[:, column], old[:, column]).pvalue > 1e-5


def test_queries_cover_the_distances_from_zero_to_three(task: Task) -> None:
    queries = task.queries
    assert queries.actions.shape == (len(queries.distance), task.train.k)
    scored = queries.distance[queries.scored]
    assert scored.min() == 0
    assert scored.max() == 3
    assert np.diff(np.unique(scored)).max() <= 0.5
    assert (scored > 1).sum() >= 8
    assert (scored <= 1).sum() >= 4
    # the support is the box [-1, 1]^k: its gauge is the largest coordinate
    np.testing.assert_allclose(np.abs(queries.actions).max(axis=1), queries.distance, atol=1e-12)


def test_path_is_straight_and_runs_through_the_centre(task: Task) -> None:
    queries = task.queries
    on_path = ~queries.scored
    position, actions = queries.path_position[on_path], queries.actions[on_path]
    assert (position.min(), position.max()) == (-3, 3)
    assert (np.diff(position) > 0).all()
    np.testing.assert_allclose(np.abs(position), queries.distance[on_path], atol=1e-12)
    direction = actions[-1] / position[-1]
    np.testing.assert_allclose(actions, position[:, None] * direction, atol=1e-12)


def test_training_actions_fill_the_support_and_stay_inside(task: Task) -> None:
    for actions in (task.train.actions.double().numpy(), task.oracle.draw_actions(ROWS, 3)):
        largest = np.abs(actions).max(axis=0)
        assert (largest <= 1).all()
        assert (largest > 0.98).all()


def test_truth_agrees_with_an_independent_monte_carlo(task: Task) -> None:
    oracle, queries, truth = task.oracle, task.queries, task.truth
    draws = 100_000
    noise = oracle.draw_noise(draws, 2024)
    scored = np.flatnonzero(queries.scored)
    chosen = scored[np.unique(queries.distance[scored], return_index=True)[1]]
    for row in chosen:
        latents = noise + oracle.action_effect @ queries.actions[row]
        outcome = oracle.outcome_function(latents)
        spread = outcome.std(ddof=1)
        error = math.hypot(spread / math.sqrt(draws), truth.standard_errors[row])
        assert abs(outcome.mean() - truth.values[row]) < 5 * error
        if truth.source == "closed form":
            assert truth.standard_errors[row] == 0
        else:
            # the recorded error is the spread over the root of at least 100,000 draws
            implied = (spread / truth.standard_errors[row]) ** 2
            assert implied > 100_000 * 0.95


def test_outcomes_drawn_under_do_have_the_truth_as_their_mean(task: Task) -> None:
    oracle, queries, truth = task.oracle, task.queries, task.truth
    outside = np.flatnonzero(queries.scored & (queries.distance > 1))[:: max(1, 12)]
    draws = 4000
    for row in outside:
        actions = np.repeat(queries.actions[row][None], draws, axis=0)
        outcome = oracle.draw_outcome_do(actions, 77)
        error = math.hypot(outcome.std(ddof=1) / math.sqrt(draws), truth.standard_errors[row])
        assert abs(outcome.mean() - truth.values[row]) < 5 * error
    # of the units that have these features, with a noise of their own
    units = oracle.draw_do(actions, 77)
    own = outcome - oracle.outcome_function(units.latents)
    assert abs(own.mean()) < 5 * own.std(ddof=1) / math.sqrt(draws)
    assert own.std() == pytest.approx(_outcome_noise(task).std(), rel=0.15)
    assert not np.array_equal(oracle.draw_outcome_do(actions, 78), outcome)


def test_a_counterfactual_keeps_the_unit(task: Task) -> None:
    oracle, train = task.oracle, task.train
    actions = train.actions.double().numpy()
    same = oracle.counterfactual(actions)
    np.testing.assert_allclose(same.latents, oracle.latents, atol=1e-5)
    assert float((torch.from_numpy(same.features).float() - train.features).abs().max()) < 1e-2
    other = oracle.counterfactual(np.zeros_like(actions))
    np.testing.assert_allclose(other.latents, oracle.latent_noise, atol=1e-12)
    with pytest.raises(ValueError, match=f"each of the {train.n} training units is needed, got 3"):
        oracle.counterfactual(actions[:3])


def test_the_truth_varies_outside_the_support(task: Task) -> None:
    outside = task.queries.scored & (task.queries.distance > 1)
    assert task.truth.values[outside].std() > 20 * task.truth.standard_errors.max()
    assert task.truth.values[outside].std() > 0.1


def _outcome_noise(task: Task) -> np.ndarray:
    """U, from the outcome and the oracle."""
    return task.train.outcome.double().numpy() - task.oracle.outcome_function(task.oracle.latents)


def _explained(rows: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """Return R^2 of the least-squares fit and the p-value of its F test."""
    design = np.column_stack([np.ones(len(rows)), rows])
    residual = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    r2 = 1 - residual.var() / target.var()
    p, free = rows.shape[1], len(rows) - rows.shape[1] - 1
    return float(r2), float(stats.f.sf(r2 / p / ((1 - r2) / free), p, free))


def test_outcome_noise_has_mean_zero_and_ignores_the_actions(task: Task) -> None:
    noise = _outcome_noise(task)
    assert abs(noise.mean()) < 5 * noise.std() / math.sqrt(len(noise))
    assert _explained(task.train.actions.double().numpy(), noise)[1] > 1e-5


CONFOUNDED = [name for name in NAMES if "confounding" in SCENARIOS.get(name).parameter_names()]


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize("name", CONFOUNDED)
@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
def test_outcome_noise_depends_on_the_latent_noise_as_asked(name: str, strength: float) -> None:
    task = _scenario(name, confounding=strength, noise=0.3).sample(1)
    noise, latent_noise = _outcome_noise(task), task.oracle.latent_noise
    r2, p_value = _explained(latent_noise, noise)
    # sd of U is sqrt(c^2 + noise^2); a sample sd of n Gaussians is off by 1 / sqrt(2 n) of it
    total = math.hypot(strength, 0.3)
    assert noise.std() == pytest.approx(total, rel=5 / math.sqrt(2 * len(noise)))
    if strength == 0:
        assert p_value > 1e-5
        assert _explained(latent_noise**2, noise)[1] > 1e-5
    else:
        assert r2 == pytest.approx(strength**2 / total**2, abs=0.03)
        assert p_value < 1e-100


@pytest.mark.parametrize("name", NAMES)
def test_parameters_follow_the_scikit_learn_convention(name: str) -> None:
    scenario = get_scenario(name)
    assert scenario.name == name
    assert scenario.version >= 1
    assert scenario.data_label
    copy = clone(scenario)
    assert copy is not scenario
    assert copy.get_params() == scenario.get_params()
    assert sorted(copy.get_params()) == sorted(scenario.parameter_names())


@pytest.mark.parametrize("name", NAMES)
def test_unknown_parameter_is_refused_with_the_near_name(name: str) -> None:
    known = get_scenario(name).parameter_names()
    with pytest.raises(UnknownNameError, match=f"did you mean '{known[0]}'"):
        get_scenario(name, **{known[0] + "_": 1})


@pytest.mark.parametrize("name", [name for name in NAMES if "n" in get_scenario(name).get_params()])
@pytest.mark.parametrize("rows", [0, -5, 2.5, "many", None, True])
def test_impossible_number_of_rows_is_refused(name: str, rows: object) -> None:
    with pytest.raises(ParameterError, match="parameter n must be"):
        get_scenario(name, n=rows)
