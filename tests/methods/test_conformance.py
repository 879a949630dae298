"""One conformance test for every registered method, third-party ones included."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from rep4ex_bench import OracleMethod, TrainingData, get_method, get_scenario
from rep4ex_bench.errors import DataError, OracleRequiredError, UsageError
from rep4ex_bench.registry import METHODS

# few steps: these tests are about the contract, `test_targets.py` is about the results
QUICK = {"steps": 30}


@pytest.fixture(scope="module", params=[(2, 2, 6, 150), (1, 1, 2, 40), (3, 2, 5, 61)], ids=str)
def task(request):
    k, d, m, n = request.param
    return get_scenario("linear_action", k=k, d=d, m=m, n=n, outcome="bump").sample(7)


@pytest.fixture(params=METHODS.names())
def method(request):
    cls = METHODS.get(request.param)
    quick = {name: value for name, value in QUICK.items() if name in cls.parameter_names()}
    return get_method(request.param, **quick)


def fit(method, task, seed=0, train=None, device="cpu"):
    train = train or task.train
    if isinstance(method, OracleMethod):
        return method.fit_with_oracle(train, task.oracle, seed, device)
    return method.fit(train, seed=seed, device=device)


def queries(task):
    return torch.from_numpy(task.queries.actions).to(torch.float32)


def test_predictions_are_finite_float64_one_per_query(method, task):
    fitted = fit(method, task)
    prediction = fitted.predict_do(queries(task))
    assert prediction.shape == task.truth.values.shape
    assert prediction.dtype == np.float64
    assert np.isfinite(prediction).all()


def test_the_same_seed_gives_the_same_bits(method, task):
    first, second = (fit(method, task, seed=3).predict_do(queries(task)) for _ in range(2))
    assert (first == second).all()


def test_a_prediction_does_not_depend_on_the_other_queries(method, task):
    fitted = fit(method, task)
    actions = queries(task)
    whole = fitted.predict_do(actions)
    single = np.concatenate([fitted.predict_do(actions[i : i + 1]) for i in (0, 5, 20)])
    assert single == pytest.approx(whole[[0, 5, 20]], rel=1e-5, abs=1e-5)


def test_fitting_changes_neither_the_data_nor_the_global_random_state(method, task):
    before = task.train.content_hash(), torch.random.get_rng_state(), np.random.get_state()[1]
    fit(method, task)
    assert task.train.content_hash() == before[0]
    assert torch.equal(torch.random.get_rng_state(), before[1])
    assert (np.random.get_state()[1] == before[2]).all()


def test_representation_has_one_row_per_feature_row(method, task):
    fitted = fit(method, task)
    code = fitted.represent(task.train.features[:9])
    if code is None:
        return
    assert code.shape[0] == 9
    assert np.isfinite(code).all()
    with pytest.raises(DataError, match="column"):
        fitted.represent(task.train.features[:, :1])


def test_wrong_queries_are_refused(method, task):
    fitted = fit(method, task)
    k = task.train.k
    with pytest.raises(DataError, match=f"must have the {k} column"):
        fitted.predict_do(torch.zeros(3, k + 1))
    with pytest.raises(DataError, match="finite"):
        fitted.predict_do(torch.full((3, k), torch.nan))


def test_outcomes_in_other_units_give_predictions_in_those_units(method, task):
    """Y -> 1000 Y + 5 moves predictions likewise: nothing is tuned to one scale."""
    moved = TrainingData(
        task.train.actions,
        task.train.features,
        task.train.outcome * 1000 + 5,
        task.train.latent_dim,
    )
    base = fit(method, task).predict_do(queries(task))
    scaled = fit(method, task, train=moved).predict_do(queries(task))
    spread = np.abs(base).max()
    assert np.abs((scaled - 5) / 1000 - base).max() < 0.02 * spread


def test_parameters_follow_scikit_learn(method, task):
    copy = clone(method)
    assert copy is not method
    assert copy.get_params() == method.get_params()
    assert type(method).name == method.name
    with pytest.raises(UsageError, match="device must be"):
        fit(method, task, device="no such device")


def test_oracles_cannot_be_fitted_from_data_alone(method, task):
    if isinstance(method, OracleMethod):
        assert method.role == "oracle"
        with pytest.raises(OracleRequiredError, match="fit_with_oracle"):
            method.fit(task.train)
    else:
        assert method.role in ("method", "control")
