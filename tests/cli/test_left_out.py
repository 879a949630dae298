"""Plug-ins that cannot be imported, methods that do not apply: what the commands make of them."""

import json
import textwrap

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from rep4ex_bench import get_method
from rep4ex_bench.cli.main import cli
from rep4ex_bench.errors import PluginError
from rep4ex_bench.registry import METHODS
from rep4ex_bench.running.executors.worker import warm_up

MODULES = {
    "toy_good": """
        import numpy as np
        from rep4ex_bench import FittedMethod, Method

        class Fitted(FittedMethod):
            def predict_do(self, actions):
                return np.zeros(len(actions))

        class Good(Method):
            name = "toy_good"

            def fit(self, train, seed=0, device="auto"):
                return Fitted()

        class Worded(Good):
            name = "toy_worded"
            needs = {"colour"}

        class Wanting(Good):
            name = "toy_wanting"
            requires = ("no-such-distribution",)
        """,
    "toy_raising": 'raise RuntimeError("two\\nlines")',
    "toy_leaving": "raise SystemExit(3)",
}
POINTS = {
    "toy_good": "toy_good:Good",
    "toy_leaving": "toy_leaving:Absent",
    "toy_raising": "toy_raising:Absent",
    "toy_wanting": "toy_good:Wanting",
    "toy_worded": "toy_good:Worded",
}
BROKEN = ("toy_leaving", "toy_raising", "toy_worded")
SUITE = """\
name = "tiny"
seeds = 1
[[scenarios]]
name = "linear_action"
parameters = { n = 200, outcome = "bump" }
[[methods]]
name = "constant_mean"
"""


@pytest.fixture(autouse=True)
def _plug_ins(tmp_path, monkeypatch):
    site = tmp_path / "site"
    metadata = site / "toy-1.0.dist-info"
    metadata.mkdir(parents=True)
    for name, text in MODULES.items():
        (site / f"{name}.py").write_text(textwrap.dedent(text))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    points = "\n".join(f"{name} = {value}" for name, value in POINTS.items())
    (metadata / "entry_points.txt").write_text(f"[rep4ex_bench.methods]\n{points}\n")
    monkeypatch.syspath_prepend(str(site))


def call(*arguments):
    return CliRunner().invoke(cli, list(map(str, arguments)))


@pytest.mark.parametrize("name", BROKEN)
def test_asking_for_a_broken_one_is_an_error_of_one_line(name):
    with pytest.raises(PluginError) as caught:
        get_method(name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_plug_ins_of_one_name_hide_no_other(tmp_path, monkeypatch):
    metadata = tmp_path / "other" / "toy2-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy2\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[rep4ex_bench.methods]\ntoy_good = toy2:Good\ntoy_wanting = toy_good:Wanting\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "other"))
    assert METHODS.names().count("toy_good") == 1
    with pytest.raises(PluginError) as caught:
        get_method("toy_good")
    message = str(caught.value)
    for part in ("offered twice", "toy_good:Good", "toy2:Good", "uninstall one package or rename"):
        assert part in message
    assert get_method("toy_wanting").name == "toy_wanting"  # the same class twice is no quarrel


def test_a_run_computes_everything_else(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(SUITE + "".join(f'[[methods]]\nname = "{name}"\n' for name in POINTS))
    result = call("run", path, "--out", tmp_path / "out", "--workers", "1", "--json")
    assert result.exit_code == 0, result.output
    assert "4 unavailable" in result.stderr
    found = json.loads(result.stdout)
    assert (found["cells"], found["failed"], found["unavailable"]) == (6, 0, 4)
    rows = {row["method_label"]: row for row in found["leaderboard"]}
    assert rows["toy_good"]["cells_ok"] == 1
    assert rows["toy_raising"]["nmse_outside"] is None
    assert "cannot be imported: RuntimeError" in rows["toy_raising"]["left_out"]
    assert "pip install 'no-such-distribution'" in rows["toy_wanting"]["left_out"]
    assert [row["coverage"] for row in found["ranking"]["overall"]["without_place"]].count(0) == 4

    shown = call("report", tmp_path / "out")
    assert shown.exit_code == 0
    text = " ".join(shown.output.split())
    assert "toy_wanting is unavailable in linear_action: no-such-distribution" in text
    assert "1 of 1" in text  # coverage of toy_good
    assert "0 of 1" in text
    planned = call("run", path, "--dry-run")
    assert "6 cells, 4 of them left out" in planned.output


def test_the_list_says_what_is_installed_and_how_to_get_the_rest():
    text = call("list")
    assert text.exit_code == 0, text.output
    assert "toy_wanting: no-such-distribution not installed; pip install" in text.output
    assert "toy_raising: method 'toy_raising' (toy_raising:Absent) cannot be" in text.output
    found = json.loads(call("list", "--json").stdout)
    assert set(found["methods"]) == set(METHODS.names()) == set(found["availability"]["methods"])
    state = found["availability"]["methods"]
    assert state["rep4ex"] == {"installed": True, "why_not": ""}
    assert {name for name, one in state.items() if not one["installed"]} == {*BROKEN, "toy_wanting"}
    assert set(found["availability"]["scenarios"]) == set(found["scenarios"])
    contenders = found["availability"]["contenders"]
    assert set(contenders) == set(found["contenders"])
    assert contenders["naive_torch"]["installed"]


def test_the_list_says_which_assumptions_scenarios_break():
    text = call("list").output
    assert "scenario linear_action: breaks: nothing\n" in text
    assert "scenario photo_crop: breaks: full_support\n" in text
    assert "scenario own_data: nothing is known of its assumptions\n" in text
    found = json.loads(call("list", "--json").stdout)
    assert found["assumptions"]["photo_crop"] == "breaks: full_support"


def test_describe_shows_what_a_scenario_keeps_and_who_must_solve_it():
    text = call("describe", "photo_crop").output
    assert "exclusion (A acts on Y through Z alone)" in text
    assert "breaks: full_support" in text
    assert "oracle_control_function, oracle_mixed_axes must reach an nmse_outside of 0.1" in text
    assert "no controls" in call("describe", "own_data").output


def test_describe_shows_needs_offers_and_requires():
    assert "needs: features (X, one row of features" in call("describe", "rep4ex").output
    assert "needs: nothing" in call("describe", "constant_mean").output
    assert "requires: no-such-distribution (no-such" in call("describe", "toy_wanting").output
    assert "offers (with the defaults): features" in call("describe", "linear_action").output
    assert "linear_oracle" not in call("describe", "own_data").output


def test_own_data_are_run_with_everything_that_works(tmp_path, monkeypatch):
    kept = [*POINTS, "constant_mean", "ols_on_actions", "oracle_control_function"]
    monkeypatch.setattr(METHODS, "names", lambda: sorted(kept))
    rng = np.random.default_rng(0)
    dose = rng.integers(0, 9, 2000).astype(float)
    latent = 2 * dose + rng.normal(size=2000)
    file = tmp_path / "data.csv"
    pd.DataFrame({"dose": dose, "x": latent, "y": latent + 1}).to_csv(file, index=False)
    columns = ["--actions", "dose", "--features", "x", "--outcome", "y", "--hold-out", "dose > 5"]
    options = ["--out", tmp_path / "out", "--seeds", "1", "--workers", "1", "--json"]
    result = call("run", "--data", file, *columns, *options)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["cells"], found["failed"], found["unavailable"]) == (4, 0, 1)
    for name in BROKEN:
        assert f"warning: method {name!r}" in result.stderr
    good = {row["method_label"] for row in found["leaderboard"] if row["cells_ok"] == 1}
    assert good == {"constant_mean", "ols_on_actions", "toy_good"}


def test_a_broken_class_of_this_package_stops_no_worker(monkeypatch):
    entries = METHODS._entry_points()
    point = entries["pca"][0]
    broken = type(point)(point.name, "rep4ex_bench.no_such_module:PCA", point.group)
    monkeypatch.setattr(METHODS, "_entry_points", lambda: entries | {"pca": [broken]})
    warm_up()
    with pytest.raises(PluginError, match="cannot be imported"):
        METHODS.get("pca")
