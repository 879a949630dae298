"""What scenarios declare: closed words, checks that hold for ours, and what each check catches."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch

from rep4ex_bench import Scenario, get_scenario
from rep4ex_bench import scenario_conformance as checks
from rep4ex_bench.errors import ConformanceError, PluginError
from rep4ex_bench.installed import missing_package
from rep4ex_bench.oracle import LatentSample, LinearOracle, Oracle
from rep4ex_bench.registry import SCENARIOS
from rep4ex_bench.vocabulary import ASSUMPTIONS, breaks_text, broken_assumptions

VARIANTS = [
    *(
        (name, {})
        for name in SCENARIOS.names()
        if name != "own_data" and missing_package(SCENARIOS.get(name)) is None
    ),
    ("linear_action", {"k": 1, "d": 1, "m": 2, "outcome": "bump"}),
    ("linear_action", {"k": 2, "d": 3, "m": 5, "outcome": "bump"}),
    ("linear_action", {"k": 1, "d": 1, "m": 2, "alpha": 0.0, "outcome": "bump"}),
    ("photo_crop", {"photo": "flower", "alpha": 2.0}),
    ("balls", {"balls": 1}),
]


@pytest.fixture(params=VARIANTS, ids=str, scope="module")
def scenario_and_task(request):
    name, parameters = request.param
    rows = {"n": 400} if "n" in SCENARIOS.get(name).parameter_names() else {}
    scenario = get_scenario(name, **rows, **parameters)
    return scenario, scenario.sample(3)


@pytest.mark.parametrize("check", checks.SCENARIO_CHECKS)
def test_every_scenario_keeps_what_it_declares(scenario_and_task, check):
    check(*scenario_and_task)


def test_there_is_a_check_for_every_word():
    names = [check.__name__ for check in checks.SCENARIO_CHECKS]
    assert names == ["check_offers", *(f"check_{word}" for word in ASSUMPTIONS)]


@pytest.mark.parametrize("word", ["covariates", "environment"])
def test_what_is_not_offered_is_not_there(word):
    task = _task()
    rows = np.ones((task.train.n, 1)) if word == "covariates" else np.zeros(task.train.n)
    with pytest.raises(ConformanceError, match=f"'{word}' is not offered, and the task has it"):
        checks.check_offers(Claims(), replace(task, train=replace(task.train, **{word: rows})))


def test_what_is_offered_is_there():
    class Timed(Claims):
        offers = frozenset({"features", "oracle", "linear_oracle", "time", "context"})

    task = _task()
    with pytest.raises(ConformanceError, match="'time' is offered, and the task has none"):
        checks.check_offers(Timed(), task)
    task = replace(task, train=replace(task.train, time=np.arange(task.train.n)))
    with pytest.raises(ConformanceError, match="'context' is offered, and the task has none"):
        checks.check_offers(Timed(), task)
    q, m = len(task.queries.actions), task.train.m
    context = {"context_features": np.ones((q, 3, m)), "context_outcome": np.ones((q, 3))}
    task = replace(task, queries=replace(task.queries, **context))
    checks.check_offers(Timed(), task)
    with pytest.raises(ConformanceError, match="'linear_oracle' is offered, and the task has none"):
        checks.check_offers(Timed(), replace(task, oracle=Wrapped(task.oracle)))


class Claims(Scenario):
    """Claims everything, whatever its tasks are."""

    name = "claims"
    assumptions = frozenset(ASSUMPTIONS)

    def sample(self, seed):
        raise NotImplementedError


@dataclass(frozen=True)
class Wrapped(Oracle):
    """An oracle that says of itself no more than the contract; in parts another one."""

    inner: LinearOracle
    bend: float = 0.0
    noise: float = 0.0
    latents = property(lambda self: self.inner.latents)
    latent_noise = property(lambda self: self.inner.latent_noise)

    def training_actions(self, n, seed):
        return self.inner.training_actions(n, seed)

    def draw_do(self, actions, seed):
        return self._changed(self.inner.draw_do(actions, seed))

    def draw_outcome_do(self, actions, seed):
        return self.inner.draw_outcome_do(actions, seed)

    def counterfactual(self, actions):
        return self._changed(self.inner.counterfactual(actions))

    def _changed(self, units):
        latents = units.latents + self.bend * units.actions[:, :1] ** 2
        features = self.inner.mixing(latents)
        rng = np.random.default_rng(len(units.actions))  # of the unit: it keeps its own noise
        noise = self.noise * rng.standard_normal(features.shape)
        return LatentSample(units.actions, latents, features + noise)


@cache
def _task(**parameters):
    return get_scenario("linear_action", n=600, outcome="bump", **parameters).sample(0)


def _changed(task, **changes):
    return replace(task, oracle=replace(task.oracle, **changes))


def _bent(task):
    return replace(task, oracle=Wrapped(task.oracle, bend=0.3))


def _folded(task):
    """Two latents that differ in the sign of the first share their features."""
    mixing = task.oracle.mixing
    return _changed(task, mixing=lambda z: mixing(np.column_stack([np.abs(z[:, :1]), z[:, 1:]])))


def _with_features(task, features):
    return replace(task, train=replace(task.train, features=torch.from_numpy(features)))


def _noisy(task):
    features = task.train.features.double().numpy()
    noise = np.random.default_rng(0).standard_normal(features.shape)
    return _with_features(task, features + 0.1 * noise)


def _noisy_by_unit(task):
    """Every unit has a noise of its own, which its counterfactuals keep."""
    oracle = Wrapped(task.oracle, noise=0.1)
    return _with_features(
        replace(task, oracle=oracle),
        oracle.counterfactual(task.train.actions.double().numpy()).features,
    )


def _bounded(task):
    def draw(n, seed):
        return np.random.default_rng(seed).uniform(-1.0, 1.0, (n, 2))

    return _changed(task, draw_noise=draw)


def _one_sided(task):
    def draw(n, seed):
        return np.random.default_rng(seed).exponential(1.0, (n, 2)) - 1.0

    return _changed(task, draw_noise=draw)


def _direct(task):
    """The actions move the training outcomes beside the latents."""
    outcome = task.train.outcome + 0.5 * task.train.actions[:, 0]
    return replace(task, train=replace(task.train, outcome=outcome))


class Direct(LinearOracle):
    """The actions move the outcomes under do(a) beside the latents."""

    def draw_outcome_do(self, actions, seed):
        return super().draw_outcome_do(actions, seed) + 0.5 * actions[:, 0] ** 2


def _direct_under_do(task):
    return replace(task, oracle=Direct(**vars(task.oracle)))


def _of_low_rank(task):
    return _changed(task, action_effect=task.oracle.action_effect * np.array([[1.0], [0.0]]))


def _low_rank_without_m0(task):
    return replace(task, oracle=Wrapped(_of_low_rank(task).oracle))


def _told(d):
    return lambda task: replace(task, train=replace(task.train, latent_dim=d, moved_dim=None))


@pytest.mark.parametrize(
    ("word", "broken", "said"),
    [
        ("linear_action_effect", _bent, "a linear map leaves"),
        ("injective_mixing", _folded, "have distant latents"),
        ("noiseless_features", _noisy, "that it had, off by"),
        ("noiseless_features", _noisy_by_unit, "two units with the same latents"),
        ("full_support", _bounded, "noise of bounded support"),
        ("full_support", _one_sided, "noise of bounded support"),
        ("exclusion", _direct, "the outcome of training"),
        ("exclusion", _direct_under_do, "the outcome under do"),
        ("full_row_rank", _of_low_rank, "must have rank 2, got 1"),
        ("full_row_rank", _low_rank_without_m0, "must have rank 2, got 1"),
        ("known_dimension", _told(None), "must be d, got None"),
        ("known_dimension", _told(3), "must be 2, got 3"),
    ],
)
def test_a_broken_assumption_is_caught_where_it_is_declared(word, broken, said):
    task = broken(_task())
    check = getattr(checks, f"check_{word}")
    with pytest.raises(ConformanceError, match=f"^{word}: .*{said}"):
        check(Claims(), task)
    check(type("Modest", (Claims,), {"assumptions": frozenset(ASSUMPTIONS) - {word}})(), task)


@pytest.mark.parametrize("check", checks.SCENARIO_CHECKS[1:])
def test_an_oracle_without_m0_is_enough(check):
    task = _task()
    check(Claims(), replace(task, oracle=Wrapped(task.oracle)))


@pytest.mark.parametrize("d", [1, 4])
def test_a_fold_is_seen_in_other_dimensions_too(d):
    task = _task(k=d, d=d, m=6)
    checks.check_injective_mixing(Claims(), task)
    with pytest.raises(ConformanceError, match="distant latents"):
        checks.check_injective_mixing(Claims(), _folded(task))


@pytest.mark.parametrize("check", checks.SCENARIO_CHECKS[1:])
def test_without_an_oracle_only_what_is_in_the_data_is_looked_at(check):
    check(Claims(), replace(_task(), oracle=None))


def test_what_ours_break():
    everything = set(ASSUMPTIONS)
    assert get_scenario("linear_action").assumptions == everything
    wide = get_scenario("linear_action", k=2, d=3, m=5)
    assert everything - wide.assumptions == {"full_row_rank"}
    assert everything - get_scenario("linear_action", alpha=0).assumptions == {"full_row_rank"}
    assert everything - get_scenario("photo_crop").assumptions == {"full_support"}
    for name in ("digit_warp", "balls"):
        assert everything - get_scenario(name).assumptions == {"full_support"}
    assert everything - get_scenario("meats").assumptions == {"full_support", "noiseless_features"}
    assert SCENARIOS.get("own_data")().assumptions == set()


def test_what_is_broken_is_said_in_short():
    declared = frozenset(ASSUMPTIONS) - {"full_support", "exclusion"}
    assert broken_assumptions(declared) == ("full_support", "exclusion")
    assert breaks_text(declared) == "breaks: full_support, exclusion"
    assert breaks_text(frozenset(ASSUMPTIONS)) == "breaks: nothing"
    assert breaks_text(frozenset()) == "nothing is known of its assumptions"


def test_an_unknown_word_is_refused_with_the_near_one(monkeypatch):
    monkeypatch.setattr(SCENARIOS, "_registered", {})
    words = frozenset({"exclusion", "full_rank"})
    wrong = type("Wrong", (Claims,), {"name": "wrong", "assumptions": words})
    expected = r"scenario 'wrong': `assumptions`.*got 'full_rank': write 'full_row_rank'"
    with pytest.raises(PluginError, match=expected):
        SCENARIOS.register(wrong)
    wrong.assumptions = property(lambda self: words)
    SCENARIOS.register(wrong)
    with pytest.raises(PluginError, match=expected):
        get_scenario("wrong").checked_assumptions()
