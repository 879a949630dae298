"""Grids in a suite: a row a point, or one tuned row; what is wrong is said before anything runs."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rep4ex_bench.errors import SuiteError
from rep4ex_bench.registry import get_method
from rep4ex_bench.running.cell import run_cell
from rep4ex_bench.running.suite import parse_suite

SUBMISSIONS = Path(__file__).parents[2] / "leaderboard/submissions"
SUITE = """\
name = "tiny"
seeds = 1
metrics = ["nmse_outside"]
[[scenarios]]
name = "linear_action"
parameters = { n = 100, outcome = "bump" }
[[methods]]
name = "mlp_on_actions"
"""


def methods(entry):
    return parse_suite(SUITE + entry, "tiny.toml").methods


def test_every_point_is_a_row_that_says_its_values():
    found = methods("parameters = { steps = 7 }\ngrid = { hidden = [16, 32] }")
    assert {label: one.plain_parameters() for label, one in found.items()} == {
        f"mlp_on_actions, hidden = {width}": {"hidden": width, "steps": 7} for width in (16, 32)
    }


def test_a_row_of_a_grid_is_the_cell_that_it_is_alone():
    def keys(entry):
        return {cell.key for cell in parse_suite(SUITE + entry, "t").cells()}

    assert keys("grid = { hidden = [16] }") == keys("parameters = { hidden = 16 }")


def test_a_tuned_row():
    found = methods("grid = { hidden = [16, 32] }\ntune = { split = 'random', candidates = 3 }")
    assert list(found) == ["mlp_on_actions (tuned)"]
    expected = get_method(
        "tuned",
        method="mlp_on_actions",
        grid={"hidden": [16, 32]},
        split="random",
        candidates=3,
    )
    assert found["mlp_on_actions (tuned)"].plain_parameters() == expected.plain_parameters()
    named = methods('label = "wide"\ntune = {}')
    grid = named["wide"].plain_parameters()["grid"]
    assert grid == {k: list(v) for k, v in get_method("mlp_on_actions").default_grid.items()}


def test_the_key_holds_grid_and_protocol():
    entries = (
        "tune = {}",
        "tune = { split = 'random' }",
        "tune = { candidates = 5 }",
        "tune = { held_out = 0.3 }",
        "grid = { hidden = [16, 32] }\ntune = {}",
        "grid = { hidden = [32, 16] }\ntune = {}",  # ties go to the first
        "parameters = { steps = 3 }\ngrid = { hidden = [16, 32] }\ntune = {}",
    )
    keys = [parse_suite(SUITE + entry, "t").cells()[0].key for entry in entries]
    assert len(set(keys)) == len(keys)
    same = "grid = { steps = [500, 1500], hidden = [16, 64, 128] }\ntune = {}"
    assert parse_suite(SUITE + same, "t").cells()[0].key == keys[0]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("grid = {}", "key 'methods.0.grid': must have at least 1 item"),
        ("grid = { hidden = [] }", "'methods.0.grid.hidden': must have at least 1 item"),
        ("grid = { hidden = 3 }", "'methods.0.grid.hidden': must be a list, got 3"),
        ("grid = { hiden = [3] }", "unknown parameter of 'mlp_on_actions' 'hiden': did you mean"),
        ("grid = { hidden = [16, 0] }", "parameter hidden must be an integer of at least 1, got 0"),
        ("grid = { hidden = [0] }\ntune = {}", "parameter hidden must be an integer of at least 1"),
        (
            "parameters = { hidden = 3 }\ngrid = { hidden = [3] }",
            "both have hidden: give it in one",
        ),
        (f"grid = {{ hidden = {list(range(1, 66))} }}", "at most 64 points can be rows, got 65"),
        (f'label = "{"x" * 78}"\ngrid = {{ hidden = [3] }}', "at most 80 characters"),
        ("tune = 3", "'methods.0.tune': must be a table"),
        ("tune = { splt = 'shell' }", "'methods.0.tune.splt': is no key that is known"),
        ("tune = { split = 'last' }", "'shell', 'random', got 'last'"),
        ("tune = { candidates = 1 }", "candidates must be an integer of at least 2"),
        ('[[methods]]\nname = "ols_on_actions"\ntune = {}', "'ols_on_actions' has none of its own"),
        ('[[methods]]\nname = "constant_mean"\ntune = {}', "no oracle or control"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(entry, message):
    with pytest.raises(SuiteError) as caught:
        methods(entry)
    assert message in str(caught.value)


def test_scenarios_are_not_tuned():
    with pytest.raises(SuiteError, match=r"'scenarios\.0\.tune': is no key"):
        parse_suite(SUITE.replace("[[methods]]", "tune = {}\n[[methods]]"), "t")


def test_a_tuned_method_runs_as_any_other():
    entry = "parameters = { steps = 5 }\ngrid = { hidden = [4, 64] }\ntune = {}"
    (cell,) = parse_suite(SUITE + entry, "t").cells()
    records = run_cell(replace(cell, diagnostics=()), "cpu").records
    assert {(one.method, one.method_label) for one in records} == {
        ("tuned", "mlp_on_actions (tuned)")
    }
    (error,) = [one.value for one in records if one.metric == "nmse_outside"]
    assert 0 < error < math.inf


def test_entries_without_a_grid_have_the_keys_that_they_had():
    """Keys as they stand in committed records, made before suites had grids."""
    compared = 0
    for bundle in sorted(SUBMISSIONS.glob("*/*/bundle")):
        manifest = json.loads((bundle / "manifest.json").read_text())
        if manifest["suite"]["name"] != "smoke":
            continue
        suite = parse_suite((bundle / "suite.toml").read_text(), "suite.toml")
        same = manifest["method"]["version"] == suite.methods[manifest["method"]["label"]].version
        records = pq.read_table(bundle / "records.parquet").to_pandas()
        keys = {(c.scenario_label, c.method_label, c.seed): c.key for c in suite.cells()}
        for row in records.drop_duplicates("cell_key").itertuples() if same else ():
            assert keys[row.scenario_label, row.method_label, row.seed] == row.cell_key
            compared += 1
    assert compared


def test_a_scenario_with_a_grid_is_a_row_a_point():
    dial = SUITE.replace(
        "parameters = { n = 100", "grid = { n = [100, 200] }\nparameters = { k = 1"
    )
    found = parse_suite(dial, "tiny.toml").scenarios
    assert list(found) == ["linear_action, n = 100", "linear_action, n = 200"]
    assert [one.n for one in found.values()] == [100, 200]
    alone = parse_suite(SUITE.replace("n = 100", "n = 100, k = 1"), "tiny.toml").cells()
    assert alone[0].key in {cell.key for cell in parse_suite(dial, "tiny.toml").cells()}
    with pytest.raises(
        SuiteError, match=r"scenario 'linear_action', `grid`: .*n must be an integer"
    ):
        parse_suite(dial.replace("[100, 200]", "[100, 1]"), "tiny.toml")
    with pytest.raises(SuiteError, match="`parameters` and `grid` both have n"):
        parse_suite(SUITE.replace("[[methods]]", "grid = { n = [1, 2] }\n[[methods]]"), "t")
