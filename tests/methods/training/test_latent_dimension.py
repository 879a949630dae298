"""The estimated number of latents, against manifolds whose dimension is known."""

import numpy as np
import pytest
import torch

from rep4ex_bench import TrainingData, get_method, get_scenario
from rep4ex_bench.errors import DataError, ParameterError
from rep4ex_bench.methods.training.latent_dimension import (
    estimate_latent_dim,
    two_neighbour_dimension,
)


def swiss_roll(rng, n):
    angle, height = rng.uniform(5, 14, n), rng.uniform(0, 20, n)
    return np.column_stack([angle * np.cos(angle), height, angle * np.sin(angle)])


def circle(rng, n):
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def sphere(rng, n):
    points = rng.normal(size=(n, 4))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize(("make", "expected"), [(circle, 1), (swiss_roll, 2), (sphere, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_known_manifolds(make, expected, seed):
    rng = np.random.default_rng(seed)
    assert two_neighbour_dimension(make(rng, 3000)) == pytest.approx(expected, rel=0.1)
    embedded = make(rng, 3000) @ rng.normal(size=(make(rng, 1).shape[1], 8))
    assert estimate_latent_dim(torch.tensor(embedded)) == expected


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("linear_action", {"k": 1, "d": 1, "m": 4, "layers": 2}, 1),
        ("linear_action", {"k": 2, "d": 2, "m": 10, "layers": 3}, 2),
        ("linear_action", {"k": 4, "d": 4, "m": 10, "layers": 2}, 4),
        ("photo_crop", {}, 2),
    ],
)
def test_scenarios(name, parameters, expected):
    features = get_scenario(name, n=4000, **parameters).sample(3).train.features
    assert estimate_latent_dim(features) == expected


def test_neither_units_nor_repeated_rows_nor_constant_columns_count():
    rng = np.random.default_rng(5)
    points = swiss_roll(rng, 2000)
    scaled = points * [1e-3, 1e3, 1.0] + 50
    repeated = np.concatenate([scaled, scaled[:700]])
    with_constant = np.column_stack([repeated, np.full(len(repeated), 7.0)])
    assert estimate_latent_dim(torch.tensor(with_constant)) == 2


def test_too_few_different_rows():
    with pytest.raises(DataError, match=r"at least 10 different rows .* got 9: pass latent_dim"):
        estimate_latent_dim(torch.arange(9.0)[:, None].repeat(5, 3))


@pytest.mark.parametrize("name", ["pca", "autoencoder", "rep4ex"])
def test_methods_take_the_estimate_where_nothing_is_disclosed_or_where_told(name):
    disclosed = get_scenario("linear_action", n=600, d=2).sample(1).train
    silent = TrainingData(disclosed.actions, disclosed.features, disclosed.outcome)
    steps = {} if name == "pca" else {"steps": 5}
    estimate = estimate_latent_dim(silent.features)
    wrong = TrainingData(disclosed.actions, disclosed.features, disclosed.outcome, 5)
    for train, latent_dim, expected in [
        (silent, None, estimate),
        (wrong, "auto", estimate),
        (wrong, None, 5),
        (wrong, 3, 3),
    ]:
        fitted = get_method(name, latent_dim=latent_dim, **steps).fit(train)
        assert fitted.diagnostics["latent_dim"] == expected
        assert fitted.represent(train.features).shape == (600, expected)


@pytest.mark.parametrize("value", ["two", 0, 1.5, True])
def test_bad_latent_dim(value):
    with pytest.raises(ParameterError, match="latent_dim"):
        get_method("rep4ex", latent_dim=value)
