"""What was fitted answers with the same bits after it was saved and loaded, whatever the method."""

import numpy as np
import pytest
import torch

from rep4ex_bench import OracleMethod, get_scenario, load_fitted
from rep4ex_bench.conformance import quick
from rep4ex_bench.methods.training.autoencoders import AUTOENCODERS
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.questions import QUESTIONS, ask, plain_diagnostics
from rep4ex_bench.registry import METHODS, SECOND_STAGES, get_method

NUMBERS = {"level": 0.9, "n": 3, "seed": 1}


@pytest.fixture(scope="module")
def task():
    return get_scenario("linear_action", k=2, d=2, m=16, n=60).sample(3)


def fit(method, task):
    if isinstance(method, OracleMethod):
        return method.fit_with_oracle(task.train, task.oracle, 5, "cpu")
    return method.fit(task.train, 5, "cpu")


def answers(fitted, task):
    """Return every question's answer, in float64, and what the fit says of itself."""
    actions = task.queries.actions[:7]
    code = fitted.represent(task.train.features, task.train.actions)
    given = {
        "queries": QueryData(actions),
        "actions": actions,
        "features": task.train.features,
        "code": torch.zeros(3, 2) if code is None else torch.from_numpy(code[:5]),
    }
    beside = {"actions": task.train.actions}
    found = {
        name: ask(
            fitted,
            name,
            given[one.of],
            beside.get(one.beside),
            **{number: NUMBERS[number] for number in one.numbers},
        )
        for name, one in QUESTIONS.items()
    }
    return found, plain_diagnostics(fitted)


def assert_same(one, other, task):
    (expected, said), (got, said_again) = answers(one, task), answers(other, task)
    assert expected["predict_do"] is not None
    for name, values in expected.items():
        assert (values is None) == (got[name] is None), name
        if values is not None:
            assert values.tobytes() == got[name].tobytes(), name
    assert {name: str(value) for name, value in said.items()} == {
        name: str(value) for name, value in said_again.items()
    }


def assert_round_trip(method, task, folder):
    fitted = fit(method, task)
    fitted.save(folder)
    loaded = load_fitted(folder)
    assert type(loaded) is type(fitted)
    assert_same(fitted, loaded, task)
    # what was loaded is saved as the same bytes
    loaded.save(folder / "again")
    for name in ("fitted.json", "tensors.safetensors"):
        assert (folder / name).read_bytes() == (folder / "again" / name).read_bytes()


@pytest.mark.parametrize("name", METHODS.names())
def test_every_method(name, task, tmp_path):
    assert_round_trip(quick(METHODS.get(name)), task, tmp_path)


# the methods have all representations
@pytest.mark.parametrize("name", SECOND_STAGES.names())
def test_every_second_stage(name, task, tmp_path):
    assert_round_trip(quick(SECOND_STAGES.get(name)), task, tmp_path)


@pytest.mark.parametrize("name", sorted(AUTOENCODERS))
def test_every_autoencoder(name, task, tmp_path):
    method = get_method("autoencoder", autoencoder=name, steps=3, second_stage="splines")
    assert_round_trip(method, task, tmp_path)


def test_with_held_out_rows_the_certificate_comes_along(tmp_path):
    task = get_scenario("linear_action", k=1, d=1, m=3, n=200).sample(1)
    fitted = fit(get_method("rep4ex", steps=10), task)
    assert np.isfinite(fitted.certificate.p_value)
    fitted.save(tmp_path)
    assert_same(fitted, load_fitted(tmp_path), task)
    assert load_fitted(tmp_path).certificate.p_value == fitted.certificate.p_value
