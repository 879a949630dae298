"""Tuned methods stand apart: no row of one group changes a rank of the other."""

import io
import json

import pandas as pd
import pytest
from rich.console import Console

from rep4ex_bench.boards.groups import configurations_of, groups_of, named
from rep4ex_bench.boards.ranking import leaderboard, rank
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.cli.terminal import print_leaderboard
from rep4ex_bench.registry import get_method

ERRORS = {
    "x": {"a": [1.0, 1.1, 1.2], "b": [2.0, 2.1, 2.2], "ta": [1.5, 1.6, 1.7], "tb": [0.1, 0.2, 0.3]},
    "y": {"a": [1.0, 1.1, 1.2], "b": [0.5, 0.6, 0.7], "ta": [0.4, 0.4, 0.4], "tb": [0.1, 0.2, 0.3]},
}
TUNED = get_method("tuned", candidates=3)


@pytest.fixture
def records(make_records):
    found = make_records(ERRORS).assign(method_parameters="{}")
    tuned = found["method_label"].isin(["ta", "tb"])
    found.loc[tuned, "method"] = "tuned"
    found.loc[tuned, "method_parameters"] = json.dumps(TUNED.plain_parameters())
    return found


@pytest.fixture
def default(records):
    return records[records["method"] != "tuned"]


def test_tuned_rows_change_nothing_of_the_others(records, default):
    whole, part = rank(records), rank(default)
    pd.testing.assert_frame_equal(whole.overall.table, part.overall.table)
    pd.testing.assert_frame_equal(whole.pairs, part.pairs)
    board = leaderboard(records)
    kept = board[board["role"] == "method"]
    pd.testing.assert_frame_equal(
        kept.reset_index(drop=True), leaderboard(default), check_dtype=False
    )


def test_tuned_rows_are_ranked_as_they_were_alone(records):
    tuned = records[records["method"] == "tuned"]
    alone = rank(tuned.assign(method=tuned["method_label"]))  # as methods of other names
    found = rank(records).tuned
    pd.testing.assert_frame_equal(found.overall.table, alone.overall.table)
    pd.testing.assert_frame_equal(found.pairs, alone.pairs)
    assert found.as_json()["overall"]["methods"][0]["method_label"] == "tb"


def test_tuned_rows_are_marked(records):
    assert set(groups_of(records).values()) == {"method", "tuned"}
    assert configurations_of(records) == {"a": 1, "b": 1, "ta": 3, "tb": 3}
    assert appearances(records)["ta"].mark == "tuned, 3 configurations"
    assert appearances(records)["a"].mark == ""
    assert len(TUNED.configurations()) > 3
    board = leaderboard(records)
    x = board[board["scenario_label"] == "x"]
    assert x["method_label"].tolist() == ["a", "b", "tb", "ta"]
    assert x["configurations"].tolist() == [1, 1, 3, 3]


def test_a_label_is_marked_once():
    assert named("rep4ex", "tuned", 3) == "rep4ex (tuned, 3 configurations)"
    assert named("rep4ex (tuned)", "tuned") == "rep4ex (tuned)"
    assert named("rep4ex (tuned)", "method") == "rep4ex (tuned)"
    assert named("oracle_x", "oracle") == "oracle_x (oracle)"


def test_a_tuned_method_that_could_not_be_loaded_is_still_marked(records):
    records["method_parameters"] = '{"method": "gone"}'
    assert configurations_of(records)["ta"] == 0
    assert appearances(records)["ta"].mark == "tuned"


def test_terminal_says_it_once(records):
    records["method_label"] = records["method_label"].replace({"ta": "a (tuned)"})
    out = io.StringIO()
    print_leaderboard(records, Console(file=out, width=120))
    text = out.getvalue()
    assert "a (tuned, 3 configurations)" in text
    assert "tuned methods, scenarios: 2" in text
    assert "Tuned methods chose their parameters" in text
    assert "a (tuned) (tuned" not in text
