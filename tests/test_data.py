"""Training data: what is refused, and how it says so."""

import hashlib

import numpy as np
import pytest
import torch

from rep4ex_bench import TrainingData, get_method
from rep4ex_bench.errors import DataError


def arrays(n=20, k=2, m=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, k)), rng.normal(size=(n, m)), rng.normal(size=n)


def test_arrays_become_float32_tensors_and_the_hash_follows_the_bits():
    actions, features, outcome = arrays()
    data = TrainingData(actions, features, outcome)
    assert data.actions.dtype == torch.float32
    assert (data.n, data.k, data.m) == (20, 2, 3)
    same = TrainingData(actions.copy(), features.copy(), outcome.copy())
    assert data.content_hash() == same.content_hash()
    outcome[3] += 1e-3
    assert TrainingData(actions, features, outcome).content_hash() != data.content_hash()


@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        ("features", lambda x: np.where(np.arange(20)[:, None] == 4, np.nan, x), "(4, 0)"),
        ("outcome", lambda x: np.where(np.arange(20) == 7, np.inf, x), "(7,)"),
        ("actions", lambda x: x[:-1], "the same rows"),
        ("actions", lambda x: x[:, 0], "must have 2 dimension(s)"),
        ("outcome", lambda x: x[:, None], "must have 1 dimension(s)"),
        ("actions", lambda x: x[:, :0], "at least one column"),
        ("features", lambda x: x.astype(str), "numeric array"),
        ("features", lambda x: x * 1e300, "finite in float32"),
    ],
)
def test_bad_arrays_are_named(which, change, message):
    values = dict(zip(("actions", "features", "outcome"), arrays(), strict=True))
    values[which] = change(values[which])
    with pytest.raises(DataError) as caught:
        TrainingData(**values)
    assert message in str(caught.value)


def test_more_actions_than_rows_can_carry():
    with pytest.raises(DataError, match=r"need at least k \+ 2 = 12 rows"):
        TrainingData(*arrays(n=11, k=10))


def test_latent_dim_must_fit_the_features():
    with pytest.raises(DataError, match="latent_dim must be between 1 and the 3"):
        TrainingData(*arrays(), latent_dim=4)
    with pytest.raises(DataError, match="at most the 3 feature columns, got 4"):
        get_method("pca", latent_dim=4).fit(TrainingData(*arrays()))


def further(n=20, m=3):
    rng = np.random.default_rng(1)
    return {
        "covariates": rng.normal(size=(n, 4)),
        "environment": rng.integers(0, 3, n),
        "time": np.arange(n) / 10,
        "second_view": rng.normal(size=(n, 2)),
        "previous_features": rng.normal(size=(n, m)),
    }


def test_what_else_was_observed_is_kept_and_changes_the_hash_only_where_it_is_there():
    plain, extra = TrainingData(*arrays()), further()
    whole = TrainingData(*arrays(), latent_dim=2, moved_dim=1, **extra)
    assert list(whole.tensors()) == ["actions", "features", "outcome", *extra]
    assert list(plain.tensors()) == ["actions", "features", "outcome"]
    assert whole.environment.dtype == torch.int64
    assert torch.equal(whole.environment, torch.from_numpy(extra["environment"]))
    assert torch.equal(whole.covariates, torch.from_numpy(extra["covariates"]).float())
    hashes = {plain.content_hash()}
    for name, value in extra.items():
        hashes.add(TrainingData(*arrays(), **{name: value}).content_hash())
    assert len(hashes) == 1 + len(extra)
    # the same numbers under another name are other data
    same = extra["second_view"]
    named = [TrainingData(*arrays(), **{n: same}) for n in ("covariates", "second_view")]
    assert named[0].content_hash() != named[1].content_hash()


def test_the_hash_of_actions_features_and_outcome_is_that_of_their_shapes_and_bits():
    digest = hashlib.sha256()
    for array in arrays():
        digest.update(str(array.shape).encode())
        digest.update(array.astype(np.float32).tobytes())
    assert TrainingData(*arrays()).content_hash() == digest.hexdigest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"covariates": np.zeros(20)}, "covariates must have 2 dimension"),
        ({"covariates": np.zeros((20, 0))}, "covariates need at least one column"),
        ({"time": np.zeros(19)}, "outcome and time must have the same rows"),
        ({"environment": np.full(20, 0.5)}, "environment must be whole numbers, got 0.5 at row 0"),
        ({"second_view": np.full((20, 1), np.nan)}, "second_view must be finite"),
        ({"previous_features": np.zeros((20, 2))}, "the 3 column(s) of the features, got 2"),
        ({"latent_dim": 2, "moved_dim": 3}, "moved_dim must be between 1 and latent_dim = 2"),
        ({"moved_dim": 0}, "moved_dim must be between 1 and"),
    ],
)
def test_bad_further_arrays_are_named(changes, message):
    with pytest.raises(DataError) as caught:
        TrainingData(*arrays(), **changes)
    assert message in str(caught.value)


def test_data_without_features_are_data():
    actions, _, outcome = arrays()
    data = TrainingData(actions, np.zeros((20, 0)), outcome, latent_dim=2)
    assert (data.m, data.latent_dim) == (0, 2)
    fitted = get_method("ols_on_actions").fit(data, 0, "cpu")
    assert fitted.predict_do(data.actions).shape == (20,)
