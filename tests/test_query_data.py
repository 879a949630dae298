"""What methods are told of queries: shapes, and the way into the process of a method."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rep4ex_bench import FittedMethod, Method, Scenario, register
from rep4ex_bench.data import check_query_actions
from rep4ex_bench.errors import DataError
from rep4ex_bench.query_data import QueryData
from rep4ex_bench.registry import METHODS, SCENARIOS, get_scenario
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import parse_suite

Q = 4
EVERYTHING = {
    "actions": np.arange(8.0).reshape(Q, 2),
    "covariates": np.arange(12.0).reshape(Q, 3) / 7,
    "environment": [0, 5, 2, 16_777_215],
    "time": np.linspace(0, 1, Q),
    "second_view": np.ones((Q, 1)),
    "previous_features": np.full((Q, 5), -2.5),
    "context_features": np.arange(Q * 3 * 5.0).reshape(Q, 3, 5),
    "context_outcome": np.arange(Q * 3.0).reshape(Q, 3),
}


@pytest.mark.parametrize("names", [["actions"], ["actions", "environment"], list(EVERYTHING)])
def test_packing_loses_no_bit(names):
    given = QueryData(**{name: EVERYTHING[name] for name in names})
    columns, layout = given.packed()
    assert columns.dtype == torch.float32
    again = QueryData.unpacked(columns, layout).tensors()
    assert list(again) == names == list(given.tensors())
    for name, tensor in given.tensors().items():
        assert tensor.dtype == again[name].dtype
        assert torch.equal(tensor, again[name])
    empty = QueryData(**{name: np.asarray(EVERYTHING[name])[:0] for name in names})
    columns, layout = empty.packed()
    assert len(QueryData.unpacked(columns, layout)) == len(empty) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": np.zeros(3)}, r"one row of everything for each action, got \{'actions': 4"),
        ({"time": np.zeros((4, 1))}, r"queries: time must have 1 dimension"),
        ({"time": [0, 1, np.nan, 2]}, "queries: time must be finite"),
        ({"environment": [0, 1, 0.5, 2]}, "queries: environment must be whole numbers"),
        ({"context_outcome": None}, "come together, got one of them"),
        ({"context_outcome": np.zeros((4, 2))}, r"got \(4, 3, 5\) and \(4, 2\)"),
    ],
)
def test_what_does_not_match_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        QueryData(**(EVERYTHING | change))


class Told(Scenario):
    """`linear_action` whose queries come with a covariate and with labelled units."""

    name = "told"
    offers = frozenset({"features", "oracle", "linear_oracle", "context", "covariates"})

    def sample(self, seed):
        task = get_scenario("linear_action", n=80, m=3).sample(seed)
        q = len(task.queries.actions)
        queries = replace(
            task.queries,
            covariates=np.arange(q)[:, None],
            context_features=np.zeros((q, 2, 3)),
            context_outcome=np.stack([task.truth.values - 1, task.truth.values + 1], axis=1),
        )
        train = replace(task.train, covariates=np.ones((80, 1)))
        return replace(task, train=train, queries=queries)


class FittedMean(FittedMethod):
    def __init__(self, k):
        self.k = k

    def predict_do(self, actions):
        return np.zeros(len(check_query_actions(actions, self.k)))

    def predict(self, queries):
        if queries.covariates.flatten().tolist() != [*range(len(queries))]:
            raise DataError("the covariates did not arrive")
        return queries.context_outcome.double().mean(dim=1).numpy()


class MeanOfContext(Method):
    """The mean outcome of the labelled units at the action."""

    name = "mean_of_context"
    needs = frozenset({"context"})

    def fit(self, train, seed=0, device="auto"):
        return FittedMean(train.k)


def test_what_is_told_reaches_the_method_in_its_process(tmp_path, monkeypatch):
    for registry in (METHODS, SCENARIOS):
        monkeypatch.setattr(registry, "_registered", {})
    register(Told)
    register(MeanOfContext)
    text = 'name = "t"\nseeds = 1\nmetrics = ["nmse_outside"]\n[[scenarios]]\nname = "told"\n'
    text += '[[scenarios]]\nname = "linear_action"\nparameters = { n = 80, m = 3 }\n'
    text += '[[methods]]\nname = "mean_of_context"\n[[methods]]\nname = "constant_mean"\n'
    records = run_suite(parse_suite(text, "t"), tmp_path / "out", workers=1).records
    found = records.set_index(["scenario_label", "method_label"])
    assert found.loc[("told", "mean_of_context"), "value"] < 1e-9
    assert found.loc[("told", "constant_mean"), "value"] > 0.1  # it takes actions alone
    assert found.loc[("linear_action", "mean_of_context"), "status"] == "not_applicable"
    assert found.loc[("linear_action", "constant_mean"), "status"] == "ok"
