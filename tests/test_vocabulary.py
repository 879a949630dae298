"""The words of `needs` and `offers`: what is refused, and in what words."""

import pytest

from rep4ex_bench import Method, get_scenario
from rep4ex_bench.errors import PluginError, UsageError
from rep4ex_bench.registry import METHODS, SCENARIOS
from rep4ex_bench.scenario import Scenario
from rep4ex_bench.vocabulary import WORDS, check_words


class Needy(Method):
    name = "needy"
    needs = frozenset({"covariate"})

    def fit(self, train, seed=0, device="auto"):
        raise NotImplementedError


class Generous(Scenario):
    name = "generous"
    offers = frozenset({"features", "money"})

    def sample(self, seed):
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    for registry in (METHODS, SCENARIOS):
        monkeypatch.setattr(registry, "_registered", {})


def test_an_unknown_word_is_one_line_that_says_what_to_do():
    with pytest.raises(PluginError) as caught:
        METHODS.register(Needy)
    message = str(caught.value)
    assert "\n" not in message
    for part in ("method 'needy'", "`needs`", ", ".join(WORDS), "got 'covariate'", "'covariates'"):
        assert part in message
    assert isinstance(caught.value, UsageError)
    with pytest.raises(PluginError, match=r"scenario 'generous'.*got 'money': use one of these"):
        SCENARIOS.register(Generous)
    assert not METHODS._registered
    assert not SCENARIOS._registered


@pytest.mark.parametrize("words", ["features", None, 3, {"features": 1}])
def test_words_are_a_set(words):
    with pytest.raises(PluginError, match="must be a set of words"):
        check_words("it", "needs", words)


def test_a_word_that_depends_on_parameters_is_looked_at_in_the_instance(monkeypatch):
    monkeypatch.setattr(Generous, "offers", property(lambda self: {"features", "money"}))
    SCENARIOS.register(Generous)
    with pytest.raises(PluginError, match="got 'money'"):
        get_scenario("generous").description()


def test_requires_is_a_tuple(monkeypatch):
    monkeypatch.setattr(Needy, "needs", frozenset())
    monkeypatch.setattr(Needy, "requires", "numpy")
    with pytest.raises(PluginError, match=r"must be a tuple of names .*'numpy'"):
        METHODS.register(Needy)


def test_what_comes_with_the_package_says_what_it_needs_and_offers():
    needs = {name: METHODS.get(name).needs for name in METHODS.names()}
    assert needs["constant_mean"] == needs["ols_on_actions"] == needs["mlp_on_actions"] == set()
    assert needs["rep4ex"] == needs["pca"] == {"features"}
    assert needs["oracle_control_function"] == needs["oracle_mixed_axes"] == {"oracle"}
    described = get_scenario("linear_action", k=3, d=2, m=7, n=50).description()
    assert (described.k, described.m, described.n, described.latent_dim) == (3, 7, 50, 2)
    assert described.offers == {"features", "oracle", "linear_oracle"}


@pytest.mark.parametrize("name", ["linear_action", "photo_crop"])
def test_a_description_is_that_of_the_task(name):
    scenario = get_scenario(name, n=40)
    described, train = scenario.description(), scenario.sample(0).train
    found = (train.k, train.m, len(train.outcome), train.latent_dim)
    assert (described.k, described.m, described.n, described.latent_dim) == found
