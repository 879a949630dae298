"""Any representation with any second stage: from objects, from tables, from other packages."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone

from rep4ex_bench import get_method, get_scenario, register, registry
from rep4ex_bench.conformance import CHECKS, conformance_tasks, quick
from rep4ex_bench.errors import DataError, ParameterError, PluginError, UnknownNameError
from rep4ex_bench.methods.representations.pca import PrincipalComponents
from rep4ex_bench.methods.second_stages.thin_plate import ThinPlate
from rep4ex_bench.methods.two_stage import TwoStage
from rep4ex_bench.registry import REPRESENTATIONS, SECOND_STAGES
from rep4ex_bench.representation import Code, Representation
from rep4ex_bench.running.applicability import left_out
from rep4ex_bench.running.runner import run_suite
from rep4ex_bench.running.suite import canonical_parameters, parse_suite
from rep4ex_bench.second_stage import FittedSecondStage, SecondStage

SUITE = """\
name = "pairs"
seeds = 1
metrics = ["nmse_outside", "affine_r2"]
[[scenarios]]
name = "linear_action"
parameters = {{ n = 200, outcome = "bump" }}
[[methods]]
name = "pca"
parameters = {{ latent_dim = 2, second_stage = {preset} }}
[[methods]]
name = "two_stage"
[methods.parameters]
representation = {representation}
second_stage = {stage}
"""
SAME = '{ name = "pca", parameters = { latent_dim = 2 } }'


@pytest.fixture(autouse=True)
def _own_registries(monkeypatch):
    for one in (REPRESENTATIONS, SECOND_STAGES):
        monkeypatch.setattr(one, "_registered", {})


@pytest.fixture(scope="module")
def task():
    return conformance_tasks()[0]


class Selected(Code):
    """The first columns of X, or of X and A."""

    def __init__(self, count, conditional):
        self.count, self.conditional = count, conditional

    def encode(self, features, actions=None):
        columns = features[:, : self.count].double().numpy()
        if not self.conditional:
            return columns
        return np.column_stack([columns, actions.double().numpy()])


class Columns(Representation):
    """A representation of another package."""

    name = "columns"
    version = 4

    def __init__(self, count=2, conditional=False):
        self.count, self.conditional = count, conditional

    def check_parameters(self):
        self.require_integer("count", 1)

    def fit(self, train, seed, device, progress=None):
        return Selected(self.count, self.conditional)


class FittedSlope(FittedSecondStage):
    def __init__(self, coefficients):
        self.coefficients = coefficients

    def predict_do(self, actions):
        design = np.column_stack([np.ones(len(actions)), actions.double().numpy()])
        return design @ self.coefficients

    def predict_interval(self, actions, level):
        centre = self.predict_do(actions)
        return np.column_stack([centre - level, centre + level])

    @property
    def diagnostics(self):
        return {"slope": float(self.coefficients[1])}


class TwoStageLeastSquares(SecondStage):
    """Instrumental variables: Y on the part of the code that the actions tell."""

    name = "least_squares_twice"
    version = 2

    def fit(self, code, train, seed, device):
        design = np.column_stack([np.ones(train.n), train.actions.double().numpy()])
        first = np.linalg.lstsq(design, code, rcond=None)[0]
        told = np.column_stack([np.ones(train.n), design @ first])
        second = np.linalg.lstsq(told, train.outcome.double().numpy(), rcond=None)[0]
        return FittedSlope(np.eye(design.shape[1])[:, 0] * second[0] + first @ second[1:])


def test_a_table_an_object_and_a_preset_are_the_same_pair(task):
    queries = torch.from_numpy(task.queries.actions).float()
    table = {"name": "pca", "parameters": {"latent_dim": 2}}
    ways = [
        TwoStage(PrincipalComponents(2), ThinPlate()),
        get_method("two_stage", representation=table, second_stage="thin_plate"),
        get_method("pca", latent_dim=2, second_stage="thin_plate"),
        get_method("pca", latent_dim=2, second_stage={"name": "thin_plate"}),
        get_method("pca", latent_dim=2, second_stage=ThinPlate()),
    ]
    first, *others = [way.fit(task.train, 3, "cpu").predict_do(queries) for way in ways]
    for other in others:
        assert np.array_equal(first, other)
    bent = get_method("pca", second_stage={"name": "thin_plate", "parameters": {"centres": 9}})
    assert not np.array_equal(first, bent.fit(task.train, 3, "cpu").predict_do(queries))


def test_parameters_survive_a_file_and_a_clone():
    method = TwoStage(PrincipalComponents("auto"), ThinPlate(30))
    text = canonical_parameters(method)
    again = get_method("two_stage", **json.loads(text))
    assert canonical_parameters(again) == text == canonical_parameters(clone(method))
    assert json.loads(text)["second_stage"] == {
        "name": "thin_plate",
        "version": 1,
        "parameters": {"centres": 30},
    }
    # a name is what it stands for
    named = TwoStage({"name": "pca", "parameters": {"latent_dim": "auto"}}, ThinPlate(30))
    assert canonical_parameters(named) == text
    assert method.get_params()["representation__latent_dim"] == "auto"


def test_a_suite_runs_pairs_in_processes_of_their_own(tmp_path):
    # nothing in it is random: seeds come from the names of methods, which differ
    stage = '{ name = "splines", parameters = { rotations = 1 } }'
    suite = parse_suite(SUITE.format(representation=SAME, stage=stage, preset=stage), "t")
    records = run_suite(suite, tmp_path / "out", workers=1).records
    values = records.set_index(["metric", "method_label"])["value"]
    for metric in ("nmse_outside", "affine_r2"):
        assert np.isfinite(values[metric, "pca"])
        assert values[metric, "pca"] == values[metric, "two_stage"]


@pytest.mark.parametrize(
    ("representation", "stage", "kind", "message"),
    [
        ('"pcaa"', '"splines"', UnknownNameError, r"unknown representation 'pcaa'.*'pca'"),
        ('"pca"', '"spline"', UnknownNameError, r"unknown second stage 'spline'.*'splines'"),
        (
            '{ name = "pca", parameters = { latent_dims = 2 } }',
            '"splines"',
            UnknownNameError,
            r"parameter of 'pca' 'latent_dims'.*'latent_dim'",
        ),
        (
            '{ name = "pca", parameter = { latent_dim = 2 } }',
            '"splines"',
            UnknownNameError,
            r"key of two_stage's representation 'parameter'.*'parameters'",
        ),
        (
            '{ name = "pca", parameters = { latent_dim = 0 } }',
            '"splines"',
            ParameterError,
            "pca: parameter latent_dim must be an integer of at least 1, got 0",
        ),
        (
            '{ latent_dim = 2 }',
            '"splines"',
            ParameterError,
            "representation must be a representation, its name, or a table with its `name`",
        ),
        ("3", '"splines"', ParameterError, "must be a representation, its name, or a table"),
        (
            '{ name = "pca", parameters = 2 }',
            '"splines"',
            ParameterError,
            "representation.parameters must be a table, got 2",
        ),
        (
            '{ name = "pca", version = 9 }',
            '"splines"',
            ParameterError,
            "must be 1, the version of 'pca' that is installed, got 9",
        ),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused_before_anything_runs(representation, stage, kind, message):
    text = SUITE.format(representation=representation, stage=stage, preset='"splines"')
    with pytest.raises(kind, match=message):
        parse_suite(text, "t")


def test_presets_name_their_own_parameters():
    with pytest.raises(ParameterError, match="rep4ex: parameter steps must be an integer"):
        get_method("rep4ex", steps=0)
    with pytest.raises(ParameterError, match="pca: parameter second_stage must be one of"):
        get_method("pca", second_stage="spline")


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("cls", [Columns, TwoStageLeastSquares])
def test_parts_of_other_packages_keep_the_contract(cls, check, task):
    register(cls)
    check(quick(cls), task)


def test_a_second_stage_from_outside_serves_every_preset(task):
    register(TwoStageLeastSquares)
    method = get_method("pca", second_stage="least_squares_twice")
    # the version of a foreign stage is part of what a cell is
    assert json.loads(canonical_parameters(method))["second_stage"]["version"] == 2
    fitted = method.fit(task.train, 0, "cpu")
    queries = torch.from_numpy(task.queries.actions).float()
    interval = fitted.predict_interval(queries, 0.5)
    assert np.allclose(interval.mean(axis=1), fitted.predict_do(queries))
    assert fitted.diagnostics["slope"] == pytest.approx(float(np.diff(
        fitted.predict_do(torch.tensor([[0.0, 0.0], [1.0, 0.0]])))[0]))  # fmt: skip
    # with the true latents it is an oracle
    oracle = get_method("oracle_control_function", second_stage=TwoStageLeastSquares())
    prediction = oracle.fit_with_oracle(task.train, task.oracle, 0, "cpu").predict_do(queries)
    stage = TwoStageLeastSquares().fit(task.oracle.latents, task.train, 0, None)
    assert np.array_equal(prediction, stage.predict_do(queries))


def test_a_code_of_features_and_actions(task):
    fitted = TwoStage(Columns(2, conditional=True), "splines").fit(task.train, 0, "cpu")
    code = fitted.represent(task.train.features, task.train.actions)
    assert np.array_equal(code[:, 2:], task.train.actions.double().numpy())
    with pytest.raises(DataError, match=r"features and actions, got features alone: call represen"):
        fitted.represent(task.train.features)
    with pytest.raises(DataError, match="2 column"):
        fitted.represent(task.train.features, task.train.actions[:, :1])


def test_what_the_parts_need_the_pair_needs():
    class NeedsTime(Columns):
        name = "needs_time"
        needs = frozenset({"time"})

    class Absent(TwoStageLeastSquares):
        name = "absent"
        requires = ("no-such-distribution",)

    class OneAction(TwoStageLeastSquares):
        name = "one_action"

        def unsupported(self, description):
            return None if description.k == 1 else "one action only"

    scenarios = {"s": get_scenario("linear_action", k=2, d=2)}
    methods = {
        "time": TwoStage(NeedsTime(), "splines"),
        "absent": get_method("pca", second_stage=Absent()),
        "one": TwoStage("pca", OneAction()),
        "fine": TwoStage(Columns(), TwoStageLeastSquares()),
    }
    found = {method: why for (_, method), why in left_out(scenarios, methods).items()}
    assert found["time"].status == "not_applicable"
    assert found["time"].reason.startswith("needs time; the scenario offers")
    assert (found["absent"].status, found["one"].status) == ("unavailable", "not_applicable")
    assert "no-such-distribution not installed" in found["absent"].reason
    assert found["one"].reason == "one action only"
    assert "fine" not in found


def test_a_representation_without_a_code_is_told_so(task):
    class Nothing(Columns):
        def fit(self, train, seed, device, progress=None):
            return None

    class Short(Columns):
        def fit(self, train, seed, device, progress=None):
            class Half(Selected):
                def encode(self, features, actions=None):
                    return super().encode(features)[::2]

            return Half(2, conditional=False)

    with pytest.raises(PluginError, match="a representation must give a Code, got None"):
        TwoStage(Nothing(), "splines").fit(task.train)
    with pytest.raises(DataError, match=r"shape \(150, d\), got shape \(75, 2\)"):
        TwoStage(Short(), "splines").fit(task.train)


def test_a_fit_looks_for_no_installed_packages(task, monkeypatch):
    """It would be counted as the method's time."""
    method = get_method("pca")

    def looked(**_):
        raise AssertionError("a fit looked for entry points")

    monkeypatch.setattr(registry, "entry_points", looked)
    method.fit(task.train, 0, "cpu")


def test_a_package_that_is_installed_later_is_found(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    assert "later" not in SECOND_STAGES.names()
    metadata = tmp_path / "later-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: later\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[rep4ex_bench.second_stages]\nlater = a:B\n")
    assert "later" in SECOND_STAGES.names()
