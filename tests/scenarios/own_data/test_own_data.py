"""Own data: the same from every format, a truth that is one, rows that are never trained on."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import ConvexHull

from rep4ex_bench.errors import DataError, ParameterError, UnknownNameError
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.scenarios._own_data.observed_truth import observed_truth
from rep4ex_bench.scenarios._own_data.support import distances_from_support
from rep4ex_bench.scenarios._own_data.table import file_hash, read_table

EFFECT = np.array([[1.0, 0.4], [-0.3, 1.0]])


def frame(n=1500, seed=0, continuous=False):
    """Y = Z_1 + Z_2 / 2 + V_1 + noise, so that E[Y | do(A = a)] = (M a)_1 + (M a)_2 / 2."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-2, 2, (n, 2)) if continuous else rng.integers(-4, 5, (n, 2)) / 2
    noise = rng.normal(size=(n, 2))
    latents = actions @ EFFECT.T + noise
    features = latents @ rng.normal(size=(2, 4)) + np.tanh(latents @ rng.normal(size=(2, 4)))
    outcome = latents @ [1, 0.5] + noise[:, 0] + 0.3 * rng.normal(size=n)
    columns = {"a_0": actions[:, 0], "a_1": actions[:, 1], "y": outcome}
    return pd.DataFrame(columns | {f"x_{j}": features[:, j] for j in range(4)})


def scenario(path, **parameters):
    roles = {"actions": "a_*", "features": "x_*", "outcome": "y"}
    asked = {"file": str(path), "sha256": file_hash(path), "hold_out": "abs(a_0) > 1", **roles}
    return get_scenario("own_data", **asked | parameters)


@pytest.fixture
def parquet(tmp_path):
    path = tmp_path / "data.parquet"
    frame().to_parquet(path)
    return path


def test_every_format_holds_the_same(parquet, tmp_path):
    data = frame()
    csv, npz = tmp_path / "data.csv", tmp_path / "data.npz"
    data.to_csv(csv, index=False)
    np.savez(
        npz, a=data[["a_0", "a_1"]], x=data[[f"x_{j}" for j in range(4)]], y=data["y"].to_numpy()
    )
    reference = scenario(parquet).sample(3)
    for path in (csv, npz):
        task = scenario(path).sample(3)
        assert task.train.content_hash() == reference.train.content_hash()
        np.testing.assert_allclose(task.truth.values, reference.truth.values, rtol=1e-12)


def test_truth_is_the_mean_of_held_out_rows(parquet):
    data = frame()
    task = scenario(parquet).sample(0)
    held = data[data["a_0"].abs() > 1].groupby(["a_0", "a_1"])["y"]
    expected = pd.DataFrame({"mean": held.mean(), "error": held.sem()})
    outside = task.queries.distance > 1
    assert outside.sum() == len(expected)
    for action, value, error in zip(
        task.queries.actions[outside],
        task.truth.values[outside],
        task.truth.standard_errors[outside],
        strict=True,
    ):
        assert value == pytest.approx(expected.loc[tuple(action), "mean"])
        assert error == pytest.approx(expected.loc[tuple(action), "error"])
    assert task.oracle is None
    assert task.truth.source == "held-out rows"


@pytest.mark.parametrize("continuous", [False, True])
def test_standard_errors_cover_the_closed_form(tmp_path, continuous):
    path = tmp_path / "data.parquet"
    frame(8000, 5, continuous).to_parquet(path)
    task = scenario(path).sample(0)
    closed = task.queries.actions @ EFFECT.T @ [1, 0.5]
    z = (task.truth.values - closed) / task.truth.standard_errors
    assert len(z) > 40
    # the z-values are standard normal: their squares have mean 1, standard deviation 2^.5
    assert abs(np.mean(z**2) - 1) < 5 * np.sqrt(2 / len(z))
    assert abs(z.mean()) < 5 / np.sqrt(len(z))


def test_no_held_out_row_is_trained_on(parquet):
    data = frame()
    rows = {
        float(y): bool(held)
        for y, held in zip(data["y"].astype("float32"), data["a_0"].abs() > 1, strict=True)
    }
    seeds = [scenario(parquet).sample(seed).train for seed in range(4)]
    for train in seeds:
        assert not any(rows[float(y)] for y in train.outcome)
    assert seeds[0].content_hash() != seeds[1].content_hash()
    seen = scenario(parquet).observations()
    inside = set(seen.outcome[seen.inside].astype("float32").tolist())
    trained = {float(y) for train in seeds for y in train.outcome}
    assert not inside & trained
    left = int((~seen.outside & ~seen.inside).sum())
    assert seeds[0].n == round(left / 2)
    assert scenario(parquet, training_share=1.0).sample(0).train.n == left


def test_distance_is_the_gauge_of_the_hull():
    rng = np.random.default_rng(1)
    support = rng.normal(size=(200, 3))
    hull = ConvexHull(support)
    centre = np.unique(support, axis=0).mean(axis=0)
    points = rng.normal(size=(30, 3)) * 3
    # facets of the hull: n . x + c <= 0
    normals, offsets = hull.equations[:, :-1], hull.equations[:, -1]
    reach = -(offsets + normals @ centre)
    expected = ((points - centre) @ normals.T / reach).max(axis=1)
    found = distances_from_support(points, support)
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=6e-4)
    assert (distances_from_support(support[hull.vertices], support) == 1).all()


def test_a_direction_that_does_not_vary_is_said():
    with pytest.raises(DataError, match="do not vary towards"):
        distances_from_support(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0], [1.0, 0.0]]))


def test_few_repeats_are_joined_and_said():
    rng = np.random.default_rng(2)
    actions = rng.normal(size=(300, 2))
    truth = observed_truth(actions, rng.normal(size=300))
    assert not truth.exact
    assert len(truth.means) == 10
    assert truth.rows.sum() == 300
    with pytest.raises(DataError, match="at least 4 rows"):
        observed_truth(actions[:3], actions[:3, 0])


def test_a_changed_file_is_refused(parquet):
    one = scenario(parquet)
    frame(seed=1).to_parquet(parquet)
    with pytest.raises(DataError, match="not the file that this suite is about"):
        one.sample(0)


def test_checks_tell_what_is_seen_from_what_cannot_be(parquet, tmp_path):
    found = {check.assumption: check for check in scenario(parquet).data_checks()}
    assert found["exogenous actions"].verdict == "cannot be checked"
    assert found["extrapolation"].verdict == "seen"
    # four of the nine values of a_0, with nine of a_1
    assert "at 36 actions; 36 of them outside" in found["extrapolation"].finding
    assert found["actions move the latents"].verdict == "seen"
    assert "2 latent(s), estimated" in found["as many actions as latents"].finding
    # one action has no effect; another hold-out has nothing outside
    data = frame()
    data["a_1"] = np.random.default_rng(9).integers(-2, 3, len(data))
    path = tmp_path / "weak.parquet"
    data.to_parquet(path)
    one = scenario(path, hold_out="abs(a_0) < 0.6", latent_dim=3)
    found = {check.assumption: check for check in one.data_checks()}
    assert found["extrapolation"].verdict == "doubtful"
    assert found["actions move the latents"].verdict == "doubtful"
    assert "move 1 direction(s)" in found["actions move the latents"].finding
    assert found["as many actions as latents"].verdict == "doubtful"


def test_a_feature_that_is_the_outcome_in_other_units_is_in_doubt(tmp_path):
    path = tmp_path / "leak.parquet"
    frame().assign(x_1=lambda d: 3 - 2 * d["y"]).to_parquet(path)
    found = {check.assumption: check for check in scenario(path).data_checks()}
    assert found["outcome"].verdict == "doubtful"
    assert "x_1 is the outcome" in found["outcome"].finding
    frame().to_parquet(path)
    found = {check.assumption: check for check in scenario(path).data_checks()}
    assert found["outcome"].verdict == "seen"


def test_the_floor_counts_what_bends_inside_groups_of_rows():
    """Of a parabola c a^2 a group mean is off by c times the variance of its actions."""
    rng = np.random.default_rng(3)
    actions = rng.uniform(-2, 2, (600, 1))
    outcome = 5 * actions[:, 0] ** 2 + 0.01 * rng.normal(size=600)
    truth = observed_truth(actions, outcome)
    off = truth.means - 5 * truth.actions[:, 0] ** 2
    assert not truth.exact
    np.testing.assert_allclose(truth.biases, off, atol=0.01)
    assert off.min() > 0
    repeated = observed_truth(actions.round(), outcome)
    assert repeated.exact
    np.testing.assert_allclose(repeated.biases, 0, atol=1e-12)


def test_the_floor_is_at_least_what_a_perfect_prediction_scores(tmp_path):
    rng = np.random.default_rng(4)
    data = frame(n=900, continuous=True)
    data["y"] = 5 * data["a_0"] ** 2 + 0.1 * rng.normal(size=900)
    path = tmp_path / "bent.parquet"
    data.to_parquet(path)
    one = scenario(path)
    seen = one.observations()
    outside = seen.distance > 1
    perfect = 5 * seen.truth.actions[outside, 0] ** 2
    scored = np.mean((perfect - seen.truth.means[outside]) ** 2) / seen.truth.means[outside].var()
    check = next(check for check in one.data_checks() if check.assumption == "truth")
    floor, bias = re.search(r"of about (\S+), (\S+) of it since", check.finding).groups()
    assert float(floor) >= scored
    assert 0.5 * scored <= float(bias) <= float(floor)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.assign(y=d["y"].where(d.index != 7)), "'y' .outcome. has 1 missing.*row 7"),
        (
            lambda d: d.assign(x_1=np.where(d.index > 9, d["x_1"], np.inf)),
            "10 missing, infinite or huge",
        ),
        (lambda d: d.assign(a_0="high"), "'a_0' .actions. must be numeric.*'high'"),
        (lambda d: d.iloc[:0], "has no rows"),
        (lambda d: d.assign(a_0=0.5), "names 0 of 1500 rows.*a_0 0.5 to 0.5"),
        (lambda d: d.assign(y=2.5), "outcome 'y' is 2.5 in every row"),
        (lambda d: d.assign(x_2=d["y"]), "'x_2' .features. equals the outcome 'y'"),
        (
            lambda d: d.assign(y=np.where(d["a_0"].abs() > 1, 1.0, d["y"])),
            "mean outcome is 1 at all 36 held-out actions",
        ),
    ],
)
def test_bad_data_are_named(tmp_path, change, message):
    path = tmp_path / "bad.parquet"
    change(frame()).to_parquet(path)
    with pytest.raises(DataError, match=message):
        scenario(path).sample(0)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"actions": "b_*"}, UnknownNameError, "column for the actions 'b_\\*'"),
        ({"features": "*"}, DataError, "would be both actions and features"),
        ({"outcome": "x_*", "features": "y"}, DataError, "one outcome is predicted"),
        ({"hold_out": "y > 1"}, UnknownNameError, "action in the hold-out 'y'"),
        ({"hold_out": ""}, ParameterError, "hold_out must be a text"),
        ({"sha256": "12"}, ParameterError, "sha256sum"),
        ({"training_share": 0.0}, ParameterError, "training_share"),
        ({"inside_share": 0.9}, ParameterError, "inside_share"),
        ({"latent_dim": 0}, ParameterError, "latent_dim"),
        ({"actions": " , "}, DataError, "must name at least one column"),
        ({"latent_dim": 5}, DataError, "at most the 4 feature column.s.*got 5"),
    ],
)
def test_bad_parameters_are_named(parquet, parameters, error, message):
    with pytest.raises(error, match=message):
        scenario(parquet, **parameters).sample(0)


def test_files_are_data_only(tmp_path):
    """A pickle in an NPZ is not loaded; what is no table is refused."""
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (ran.touch, ())

    evil = tmp_path / "evil.npz"
    np.savez(evil, a=np.array([Evil()], dtype=object))
    with pytest.raises(DataError, match="cannot read"):
        read_table(evil)
    assert not ran.exists()
    for name in ("x.parquet", "x.npz", "x.csv", "x.pkl"):
        (tmp_path / name).write_bytes(b"\x80\x04nothing\x00\xff")
        with pytest.raises(DataError):
            read_table(tmp_path / name)
    with pytest.raises(DataError, match="cannot read"):
        read_table(tmp_path / "missing.csv")
    np.savez(tmp_path / "deep.npz", a=np.zeros((2, 2, 2)))
    with pytest.raises(DataError, match="1 or 2 dimensions"):
        read_table(tmp_path / "deep.npz")
    np.savez(tmp_path / "rows.npz", a=np.zeros(2), b=np.zeros(3))
    with pytest.raises(DataError, match="same rows"):
        read_table(tmp_path / "rows.npz")


def test_what_else_was_observed_reaches_the_training_rows_and_the_offers(tmp_path):
    data = frame()
    data["w_1"], data["w_2"] = np.arange(len(data)) / 7, np.sin(np.arange(len(data)))
    data["site"], data["day"] = np.arange(len(data)) % 5, np.arange(len(data)) * 0.5
    path = tmp_path / "data.parquet"
    data.to_parquet(path)
    plain = scenario(path)
    whole = scenario(path, covariates="w_*", environment="site", time="day")
    assert plain.offers == {"features"}
    assert whole.offers == {"features", "covariates", "environment", "time"}
    bare, train = plain.sample(1).train, whole.sample(1).train
    assert list(bare.tensors()) == ["actions", "features", "outcome"]
    assert bare.covariates is None
    # the same rows as without, each with its own values: w_1 tells which row it is
    assert (train.actions == bare.actions).all()
    rows = np.rint(train.covariates[:, 0].double().numpy() * 7).astype(int)
    chosen = data.iloc[rows]
    np.testing.assert_allclose(train.outcome, chosen["y"], rtol=1e-6)
    np.testing.assert_allclose(train.covariates[:, 1], chosen["w_2"], rtol=1e-5, atol=1e-7)
    assert train.environment.tolist() == chosen["site"].tolist()
    assert train.time.tolist() == chosen["day"].tolist()
    assert train.content_hash() != bare.content_hash()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"covariates": "w"}, UnknownNameError, "unknown column for the covariates 'w'"),
        ({"covariates": "x_1"}, DataError, "would be both features and covariates"),
        ({"environment": "x_*"}, DataError, "numbers the environments, got x_0, x_1, x_2, x_3"),
        ({"environment": "a_0"}, DataError, "would be both actions and environment"),
        ({"time": 3}, ParameterError, "a text, empty where nothing of it was observed"),
    ],
)
def test_wrong_columns_of_what_else_was_observed_are_named(parquet, changes, error, message):
    with pytest.raises(error) as caught:
        scenario(parquet, **changes).sample(0)
    assert message in str(caught.value)


def test_an_environment_is_a_whole_number(tmp_path):
    data = frame()
    data["site"] = 0.5
    path = tmp_path / "data.parquet"
    data.to_parquet(path)
    with pytest.raises(DataError, match=r"environment must be whole numbers, got 0.5 at row 0"):
        scenario(path, environment="site").sample(0)
