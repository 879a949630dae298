"""The linear code against scikit-learn's canonical correlations and principal components."""

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA

from rep4ex_bench import TrainingData, get_method, get_scenario
from rep4ex_bench.accuracy import affine_r2
from rep4ex_bench.methods.training.linear_code import RIDGES, held_out_ridge, linear_code
from rep4ex_bench.methods.training.networks import Standardise


def standardised(rows):
    rows = torch.as_tensor(rows)
    return Standardise(rows)(rows)


def explained(code, other):
    """R^2 of the affine map from one code to another: 1 if they span the same."""
    return affine_r2(np.asarray(code, dtype=float), np.asarray(other, dtype=float))


@pytest.mark.parametrize(("k", "d"), [(2, 2), (3, 2), (1, 1)])
def test_canonical_directions_are_scikit_learns(k, d):
    rng = np.random.default_rng(k)
    actions = rng.uniform(-1, 1, (2000, k))
    features = standardised(actions @ rng.normal(size=(k, 6)) + rng.normal(size=(2000, 6)))
    code = features @ linear_code(features, torch.tensor(actions), d)
    expected = CCA(n_components=d, scale=False, max_iter=5000, tol=1e-10).fit(
        features.numpy(), actions
    )
    assert explained(code, expected.transform(features.numpy())) > 0.999
    assert code.std(dim=0, correction=0).numpy() == pytest.approx(1, abs=1e-6)


def test_the_code_of_action_cca_is_scikit_learns_even_where_features_hardly_vary():
    rng = np.random.default_rng(8)
    actions = rng.uniform(-1, 1, (3000, 2))
    # what the actions move is a thousandth of what varies, the same in all features but for signs
    shared = 1000 * rng.normal(size=(3000, 1))
    features = shared + actions @ rng.normal(size=(2, 5)) + rng.normal(size=(3000, 5))
    train = TrainingData(actions, features, rng.normal(size=3000), latent_dim=2)
    code = get_method("action_cca", ridge=1e-9).fit(train, 0, "cpu").represent(train.features)
    expected = CCA(2, max_iter=5000, tol=1e-10).fit(features, actions).transform(features)
    assert explained(code, expected) > 0.99
    hidden = get_method("action_cca", ridge=1e-2).fit(train, 0, "cpu").represent(train.features)
    assert explained(hidden, expected) < 0.9


def test_the_ridge_is_chosen_by_rows_that_were_held_out():
    rng = np.random.default_rng(4)
    actions = rng.uniform(-1, 1, (600, 2))
    # directions of little variance that hold the latents: the least ridge is right
    narrow = np.column_stack(
        [1000 * rng.normal(size=600), actions + 0.1 * rng.normal(size=(600, 2))]
    ) @ rng.normal(size=(3, 3))
    # as many columns of noise as there are rows to fit them on: the largest is
    noisy = np.column_stack([actions + rng.normal(size=(600, 2)), rng.normal(size=(600, 450))])
    for features, expected in ((narrow, RIDGES[0]), (noisy, RIDGES[-1])):
        rows = standardised(features).double()
        assert held_out_ridge(rows, torch.tensor(actions), 2, 0) == expected


def test_without_actions_it_is_principal_components():
    rng = np.random.default_rng(0)
    features = standardised(rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5)))
    code = features @ linear_code(features, None, 3)
    expected = PCA(3).fit_transform(features.numpy())
    assert explained(code, expected) == pytest.approx(1, abs=1e-9)


def test_fewer_actions_than_latents_are_filled_with_principal_components():
    rng = np.random.default_rng(1)
    actions = rng.uniform(-1, 1, (1000, 1))
    features = standardised(actions @ rng.normal(size=(1, 6)) + rng.normal(size=(1000, 6)))
    directions = linear_code(features, torch.tensor(actions), 3)
    code = features @ directions
    assert directions.shape == (6, 3)
    assert np.linalg.matrix_rank(code.numpy()) == 3
    assert explained(code, features @ linear_code(features, torch.tensor(actions), 1)) > 0.999


def test_directions_in_which_nothing_varies_are_zero():
    rng = np.random.default_rng(2)
    line = rng.normal(size=(300, 1))
    features = standardised(np.hstack([line, 2 * line, -line]))
    directions = linear_code(features, torch.tensor(line), 2)
    assert torch.isfinite(directions).all()
    assert (features @ directions).abs().max() < 10


def test_what_the_actions_move_is_closer_to_the_latents_than_what_varies_most():
    gains = []
    for seed in range(8):
        task = get_scenario("linear_action", n=3000, layers=3, outcome="bump").sample(seed)
        features = standardised(task.train.features)
        codes = (features @ linear_code(features, a, 2) for a in (task.train.actions, None))
        moved, varying = (explained(code, task.oracle.latents) for code in codes)
        gains.append(moved - varying)
    assert np.median(gains) > 0.03
    assert min(gains) > -0.02


@pytest.mark.parametrize("name", ["autoencoder", "pca", "rep4ex"])
def test_only_rep4ex_looks_at_the_actions_for_its_code(name):
    """Other actions, same features: a baseline's code must not move by a bit, rep4ex's must."""
    train = get_scenario("linear_action", n=400, outcome="bump").sample(0).train
    other = TrainingData(train.actions.flip(0), train.features, train.outcome, train.latent_dim)
    parameters = {"pca": {}, "autoencoder": {"steps": 20}}
    method = get_method(name, **parameters.get(name, {"steps": 20, "penalty_weight": 3.0}))
    first, second = (
        method.fit(data, seed=1, device="cpu").represent(train.features) for data in (train, other)
    )
    assert (first == second).all() == (name != "rep4ex")
