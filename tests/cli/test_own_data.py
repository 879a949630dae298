"""`rep4ex-bench run --data`: from a file to a leaderboard, and what is said on the way."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from markupsafe import escape

from rep4ex_bench.cli.main import cli
from rep4ex_bench.cli.own_data import DataOptions, suite_of_data
from rep4ex_bench.errors import DataError, UsageError
from rep4ex_bench.records.records import read_records
from rep4ex_bench.running.runner import rebuild_report, run_suite


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    dose = rng.integers(0, 9, 6000).astype(float)
    latent = 2 * dose + rng.normal(size=6000)
    path = tmp_path / "trial 'A'.csv"
    columns = {"dose": dose, "x_1": latent, "x_2": np.tanh(latent), "<y>": latent + 1}
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def run(data, *more, hold_out="dose > 5"):
    options = ["--actions", "dose", "--features", "x_*", "--outcome", "<y>", "--workers", "1"]
    if hold_out:
        options += ["--hold-out", hold_out]
    return CliRunner().invoke(cli, ["run", "--data", str(data), *options, *more])


def test_a_run_on_own_data(data, tmp_path):
    methods = ["ols_on_actions", "constant_mean", "oracle_control_function"]
    asked = [part for name in methods for part in ("--method", name)]
    result = run(data, "--out", str(tmp_path / "out"), "--seeds", "2", "--json", *asked)
    assert result.exit_code == 0, result.output
    assert "cannot be checked" in result.stderr
    summary = json.loads(result.stdout)
    assert (summary["cells"], summary["failed"], summary["not_applicable"]) == (6, 0, 2)
    records = read_records(tmp_path / "out" / "records.parquet")
    scored = records[records["metric"] == "nmse_outside"].set_index("method")["value"]
    assert (scored["ols_on_actions"] < 0.02).all()  # E[Y | do(dose)] is linear
    assert (scored["constant_mean"] > 1).all()
    oracles = records[records["method"] == "oracle_control_function"]
    assert set(oracles["status"]) == {"not_applicable"}
    assert set(oracles["error"]) == {"needs oracle; the scenario offers features"}
    assert set(records.loc[records["metric"] == "affine_r2", "status"]) == {"skipped"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "held-out rows" in page
    # what the data bear out stands beside the results, also in a report that is made anew
    for check in next(iter(own_suite(data).scenarios.values())).data_checks():
        assert str(escape(check.finding)) in page
    assert "which split one table" in page
    assert "none: one table" in page
    _, rebuilt = rebuild_report(tmp_path / "out")
    assert rebuilt.read_text(encoding="utf-8") == page
    again = run(data, "--out", str(tmp_path / "out"), "--seeds", "2", "--json", *asked)
    assert json.loads(again.stdout)["reused"] == 4


def own_suite(data, latent_dim=None):
    return suite_of_data(
        DataOptions(data, ("dose",), ("x_*",), "<y>", "dose > 5", None, latent_dim)
    )


def test_a_plan_has_every_method_that_is_no_oracle(data, tmp_path):
    result = run(data, "--dry-run", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "cannot be checked" in result.stderr
    assert not (tmp_path / "out").exists()
    assert "rep4ex" in result.output
    assert "oracle" not in result.output
    assert "tuned" not in result.output  # another method once more


def test_what_is_missing_is_named(data):
    result = run(data, hold_out=None)
    assert isinstance(result.exception, UsageError)
    assert "missing: --hold-out" in str(result.exception)
    neither = CliRunner().invoke(cli, ["run"]).exception
    assert "name a suite" in str(neither)
    both = CliRunner().invoke(cli, ["run", "smoke", "--data", str(data)]).exception
    assert "not both" in str(both)


def test_bad_data_write_nothing(data, tmp_path):
    result = run(data, "--out", str(tmp_path / "out"), hold_out="dose > 50")
    assert isinstance(result.exception, DataError)
    assert "names 0 of 6000 rows" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_further_columns_are_named_on_the_command_line(data, tmp_path):
    table = pd.read_csv(data).assign(site=0, day=1.0, w=2.0)
    table.to_csv(data, index=False)
    further = ["--covariates", "w", "--environment", "site", "--time", "day"]
    result = run(data, "--dry-run", "--method", "ols_on_actions", *further)
    assert result.exit_code == 0, result.output
    plain = run(data, "--dry-run", "--method", "ols_on_actions")
    assert result.stdout.splitlines()[0].split()[0] != plain.stdout.splitlines()[0].split()[0]
    wrong = run(data, "--dry-run", "--covariates", "nobody", "--method", "ols_on_actions")
    assert "nobody" in str(wrong.exception)  # said before anything is run
    failed = run(data, "--covariates", "nobody", "--method", "ols_on_actions", "--seeds", "1",
                 "--out", str(tmp_path / "out"))  # fmt: skip
    assert failed.exit_code != 0
    assert "nobody" in str(failed.exception or failed.output)


def test_more_latents_than_features_are_refused_once(data, tmp_path):
    for more in (("--dry-run",), ("--out", str(tmp_path / "out"))):
        result = run(data, "--latent-dim", "3", *more)
        assert isinstance(result.exception, DataError)
        assert "at most the 2 feature column(s)" in str(result.exception)
    with pytest.raises(DataError, match="at most the 2 feature column"):
        run_suite(own_suite(data, latent_dim=3), tmp_path / "again", workers=1)
    assert not list(tmp_path.glob("*/cells"))


def test_seeds_of_one_table_are_not_added_until_something_is_decided(data, tmp_path):
    two = ("ols_on_actions", "constant_mean")
    result = run(data, "--until-decided", *two, "--out", str(tmp_path / "out"))
    assert isinstance(result.exception, UsageError)
    assert "split one table" in str(result.exception)
    assert not (tmp_path / "out").exists()
