"""`tuned`: what it sees, what it chooses, how much it tries."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from rep4ex_bench import FittedMethod, Method, get_method, get_scenario
from rep4ex_bench.data import TrainingData, check_query_actions
from rep4ex_bench.errors import DataError, ParameterError, UnknownNameError
from rep4ex_bench.methods._validation import hold_out, outer_shell
from rep4ex_bench.methods.tuned import Tuned
from rep4ex_bench.numerics import resolve_device
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running.applicability import left_out


class FittedPolynomial(FittedMethod):
    def __init__(self, coefficients, train):
        self.coefficients, self.train = coefficients, train

    def predict_do(self, actions):
        checked = check_query_actions(actions, self.train.k)
        return np.polyval(self.coefficients, checked[:, 0].double().numpy())


class Polynomial(Method):
    """Least squares on powers of the first action; notes what it is given."""

    name = "polynomial"
    needs = frozenset()
    default_grid = {"degree": (0, 1, 2, 3)}  # noqa: RUF012
    seen = []  # noqa: RUF012

    def __init__(self, degree=1, wrong=0):
        self.degree = degree
        self.wrong = wrong

    def check_parameters(self):
        self.require_integer("degree", 0)

    def fit(self, train, seed=0, device="auto"):
        resolve_device(device)
        self.seen.append((self.degree, train, seed))
        if self.degree == self.wrong:
            raise DataError(f"degree {self.degree} fails")
        actions, outcome = train.actions[:, 0].double().numpy(), train.outcome.double().numpy()
        return FittedPolynomial(np.polyfit(actions, outcome, self.degree), train)


def data(n=200, k=1, seed=0):
    """Y = A^2 and noise: the line is wrong outside, the parabola right."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (n, k))
    outcome = actions[:, 0] ** 2 + 0.1 * rng.normal(size=n)
    return TrainingData(actions, rng.normal(size=(n, 2)), outcome)


@pytest.fixture(autouse=True)
def _nothing_seen():
    Polynomial.seen.clear()


def rows(train):
    return {tuple(row) for row in train.actions.tolist()}


def test_the_shell_is_what_lies_outside_the_box_of_the_rest():
    train = data(500, k=3)
    actions = train.actions.double().numpy()
    shell = outer_shell(actions, 0.2)
    kept, held = actions[~shell], actions[shell]
    assert len(held) == 100
    outside = (held < kept.min(axis=0)) | (held > kept.max(axis=0))
    assert outside.any(axis=1).all()
    # independently: rows enter a box that grows about the middle, until four fifths are inside
    low, high = actions.min(axis=0), actions.max(axis=0)
    for share in np.linspace(0.9, 1, 2_001):
        inside = (np.abs(2 * actions - low - high) <= share * (high - low)).all(axis=1)
        if inside.sum() >= 400:
            break
    assert (shell == ~inside).all()


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (np.repeat([0.0, 1.0], 20)[:, None], None),  # a shell would leave one action
        (np.zeros((40, 1)), None),
        (np.repeat([-2.0, -1, 0, 1, 2], 8)[:, None], {-2.0, 2.0}),  # equal actions stay together
        (np.repeat([0.0, 1, 2, 3], 10)[:, None], {0.0, 3.0}),  # half of the rows
    ],
)
def test_discrete_actions(actions, expected):
    shell = outer_shell(actions, 0.2)
    if expected is None:
        assert shell is None
        return
    assert set(actions[shell, 0]) == expected
    assert not set(actions[~shell, 0]) & expected


def test_a_column_of_two_values_does_not_hide_the_shell_of_another():
    rng = np.random.default_rng(1)
    actions = np.column_stack([rng.integers(0, 2, 100), rng.uniform(-1, 1, 100)]).astype(float)
    shell = outer_shell(actions, 0.2)
    assert (shell == outer_shell(actions[:, 1:], 0.2)).all()


def test_without_a_shell_rows_are_held_out_at_random_and_that_is_said():
    train = replace(data(40), actions=torch.tensor([[0.0], [1.0]]).repeat(20, 1))
    found = hold_out(train, "shell", 0.2, seed=3)
    assert (found.split, found.kept.n, len(found.outcome)) == ("random", 32, 8)
    with pytest.raises(DataError, match="leaves fewer than k"):
        hold_out(data(3), "random", 0.5, seed=3)


@pytest.mark.parametrize("split", ["shell", "random"])
def test_candidates_see_no_held_out_row_and_the_chosen_one_sees_all(split):
    train = data()
    validation = hold_out(train, split, 0.2, 0)
    assert validation.queries.tensors().keys() == {"actions"}
    Tuned(Polynomial(1, wrong=9), split=split).fit(train, 5, "cpu")
    *candidates, final = Polynomial.seen
    assert [degree for degree, _, _ in candidates] == [1, 0, 2, 3]  # as given, then the grid
    assert len({seed for _, _, seed in candidates}) == 1
    for _, kept, _ in candidates:
        assert kept.n == 160
        assert kept.m == train.m
        assert rows(kept) < rows(train)
        assert kept.content_hash() == candidates[0][1].content_hash()
    assert final[1] is train
    assert final[2] == 5
    held = rows(train) - rows(candidates[0][1])
    if split == "shell":
        assert min(abs(a) for (a,) in held) > max(abs(a) for (a,) in rows(candidates[0][1])) - 0.02


def test_what_a_loop_would_choose_is_chosen():
    train = data()
    shell = outer_shell(train.actions.double().numpy(), 0.2)
    a, y = train.actions[:, 0].double().numpy(), train.outcome.double().numpy()
    errors = {}
    for degree in (1, 0, 2, 3):
        curve = np.polyfit(a[~shell], y[~shell], degree)
        errors[degree] = np.mean((np.polyval(curve, a[shell]) - y[shell]) ** 2)
    fitted = Tuned(Polynomial(1, wrong=9)).fit(train, 0, "cpu")
    best = min(errors, key=errors.get)
    assert best == 2
    assert np.array_equal(fitted.fitted.coefficients, np.polyfit(a, y, best))
    said = fitted.diagnostics
    assert said["tuning_chosen"] == "degree = 2"
    assert said["tuning_error"] == pytest.approx(errors[2], rel=1e-9)
    assert [v for k, v in said.items() if k.startswith("tuning_error ")] == pytest.approx(
        list(errors.values()), rel=1e-9
    )
    assert (said["tuning_candidates"], said["tuning_failed"], said["tuning_split"]) == (
        4,
        0,
        "shell",
    )


def test_of_equal_candidates_the_one_as_given_is_chosen():
    fitted = Tuned(Polynomial(2, wrong=9), grid={"wrong": [7, 8]}).fit(data(), 0, "cpu")
    assert fitted.diagnostics["tuning_chosen"] == "wrong = 9 (default)"


def test_the_budget_is_kept_and_drawn_by_the_seed():
    method = Tuned(Polynomial(1, wrong=99), grid={"degree": list(range(12))}, candidates=4)
    drawn = []
    for seed in (0, 0, 1, 2):
        Polynomial.seen.clear()
        said = method.fit(data(), seed, "cpu").diagnostics
        degrees = [degree for degree, _, _ in Polynomial.seen[:-1]]
        assert len(degrees) == len(set(degrees)) == 4
        assert degrees[0] == 1
        assert (said["tuning_candidates"], said["tuning_configurations"]) == (4, 12)
        drawn.append(degrees)
    assert drawn[0] == drawn[1]
    assert len({tuple(one) for one in drawn}) > 1


def test_failures_are_counted_and_quoted_where_all_fail():
    said = Tuned(Polynomial(1, wrong=2)).fit(data(), 0, "cpu").diagnostics
    assert said["tuning_failed"] == 1
    assert said["tuning_error 3: degree = 2"] == "failed: degree 2 fails"
    assert said["tuning_chosen"] != "degree = 2"
    with pytest.raises(
        DataError, match=r"1 configurations .* failures only \(degree = 0 \(default\)"
    ):
        Tuned(Polynomial(0), grid={"degree": [0]}).fit(data(), 0, "cpu")

    class Starved(Polynomial):
        def fit(self, train, seed=0, device="auto"):
            raise MemoryError

    with pytest.raises(MemoryError):  # of the machine: no other machine may choose otherwise
        Tuned(Starved()).fit(data(), 0, "cpu")


def test_together_is_as_alone():
    base = get_method("autoencoder", steps=10, second_stage="splines")
    method = get_method("tuned", method=base, grid={"hidden": [8, 64]})
    assert method.group_size == base.group_size > 1
    trains, queries = [data(80, seed=1), data(80, seed=2)], torch.linspace(-3, 3, 20)[:, None]
    together = method.fit_many(trains, [3, 4], "cpu")
    for train, seed, one in zip(trains, (3, 4), together, strict=True):
        alone = method.fit(train, seed, "cpu")
        assert np.array_equal(alone.predict_do(queries), one.predict_do(queries))
        said = [{k: v for k, v in f.diagnostics.items() if "tuning" in k} for f in (alone, one)]
        assert said[0] == said[1]


def test_a_group_of_sets_of_data_has_a_failure_of_one_alone():
    few = data(3)
    found = Tuned(Polynomial(1, wrong=9), held_out=0.5).fit_many([few, data()], [0, 0], "cpu")
    assert isinstance(found[0], DataError)
    assert found[1].diagnostics["tuning_chosen"] == "degree = 2"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "oracle_control_function"}, "no oracle or control"),
        ({"method": "constant_mean"}, "no oracle or control"),
        ({"method": {"name": "tuned"}}, "this is tuned already"),
        ({"method": "ols_on_actions"}, "'ols_on_actions' has none of its own"),
        ({"grid": {}}, "must be a table of lists"),
        ({"grid": {"hidden": 3}}, "must be a list of at least one value"),
        ({"grid": {"hidden": [3, 3]}}, "without repeats"),
        ({"grid": {"hidden": [0]}}, "mlp_on_actions: parameter hidden"),
        ({"grid": {"hidden": list(range(1, 1002))}}, "at most 1000 points"),
        ({"candidates": 1}, "at least 2"),
        ({"candidates": 65}, "at most 64"),
        ({"split": "last"}, "'shell', 'random'"),
        ({"held_out": 0.6}, "at most 0.5"),
    ],
)
def test_what_cannot_be_tuned_is_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        get_method("tuned", **parameters)


def test_a_parameter_that_the_method_does_not_have():
    with pytest.raises(UnknownNameError, match="did you mean 'hidden'"):
        get_method("tuned", grid={"hiden": [3]})


def test_its_parameters_hold_method_grid_and_protocol_and_make_it_again():
    method = get_method("tuned", method="pca", candidates=5)
    plain = method.plain_parameters()
    assert plain["method"] == get_method("pca").as_table()
    assert plain["grid"]["second_stage"] == list(METHODS.get("pca").default_grid["second_stage"])
    again = get_method("tuned", **json.loads(json.dumps(plain)))
    assert again.plain_parameters() == plain


@pytest.mark.parametrize("name", METHODS.own_names())
def test_every_grid_of_a_method_of_this_package_can_be_tuned(name):
    cls = METHODS.get(name)
    if cls.default_grid:
        found = Tuned(cls()).configurations()
        assert 2 <= len(found) <= Tuned().candidates  # the budget holds all of it
        assert len({one.text for one in found}) == len(found)


def test_it_applies_where_all_its_configurations_do():
    class Needy(Polynomial):
        needs = frozenset({"time"})

        def unsupported(self, description):
            return None if self.degree < 3 else "no cubes"

    class Picky(Needy):
        needs = frozenset()

    scenarios = {"s": get_scenario("linear_action")}
    methods = {"n": Tuned(Needy()), "p": Tuned(Picky()), "fine": Tuned(Polynomial())}
    found = {method: why for (_, method), why in left_out(scenarios, methods).items()}
    assert found["n"].reason.startswith("needs time")
    assert found["p"].reason == "no cubes"
    assert "fine" not in found
