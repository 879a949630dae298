"""Training data: what is refused, and how it says so."""

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
        ("features", lambda x: x[:, :0], "at least one column"),
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
