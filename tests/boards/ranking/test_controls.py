"""A scenario that its controls cannot solve shows its numbers and ranks nobody."""

import io
import math

import pandas as pd
import pytest
from rich.console import Console

from rep4ex_bench.boards.ranking import leaderboard, rank
from rep4ex_bench.boards.ranking.controls import controlled
from rep4ex_bench.boards.ranking.scores import scores
from rep4ex_bench.cli.terminal import print_leaderboard

METHODS = {"a": [1.0, 1.1, 1.2], "b": [2.0, 2.1, 2.2]}
TURNED = {"a": [2.0, 2.1, 2.2], "b": [1.0, 1.1, 1.2]}
OWN, MIXED = "oracle_control_function", "oracle_mixed_axes"  # bound 0.1 with the defaults


def _states(records):
    return controlled(records, scores(records))


def _state(make_records, **controls):
    return _states(make_records({"x": METHODS | controls}))["x"]


@pytest.fixture
def records(make_records):
    """In x the oracle misses the bound on one seed of three."""
    solved, unsolved = [0.01, 0.05, 0.1], [0.01, 0.05, 0.11]
    return make_records({"x": METHODS | {OWN: unsolved}, "y": TURNED | {OWN: solved}})


def test_the_bound_must_be_reached_on_every_seed(records):
    x, y = _states(records).values()
    assert (x.state, x.seeds, x.reached, x.worst, x.bound) == ("unsolved", 3, 2, 0.11, 0.1)
    assert (y.state, y.seeds, y.reached, y.worst, y.bound) == ("solved", 3, 3, 0.1, 0.1)
    assert x.text == (
        "unsolved: the best oracle reaches 0.1 (nmse_outside) on 2 of 3 seeds, at worst 0.110"
    )


def test_an_unsolved_scenario_ranks_nobody(records, make_records):
    ranking = rank(records)
    only_y = rank(make_records({"y": TURNED | {OWN: [0.01, 0.05, 0.1]}}))
    pd.testing.assert_frame_equal(ranking.overall.table, only_y.overall.table)
    assert ranking.overall.table["method_label"].tolist() == ["b", "a"]
    assert ranking.overall.scenarios == 1
    pd.testing.assert_frame_equal(ranking.pairs, only_y.pairs)
    assert ranking.unsolved == ["x"]
    assert [note for note in ranking.notes() if note.startswith("x: unsolved")] == [
        f"x: {_states(records)['x'].text}; it ranks nobody"
    ]
    x, y = ranking.as_json()["controls"]
    assert (x["scenario"], x["state"], x["worst"]) == ("x", "unsolved", 0.11)
    assert y["state"] == "solved"


def test_its_numbers_are_shown_and_marked(records):
    board = leaderboard(records).set_index(["scenario_label", "method_label"])
    assert board["controls"].groupby("scenario_label").first().to_dict() == {
        "x": "unsolved",
        "y": "solved",
    }
    assert board.loc[("x", "a"), "nmse_outside"] == 1.1
    assert not board.loc["x", "on_front"].any()
    assert board.loc["y", "on_front"].any()
    assert (board["breaks"] == "breaks: nothing").all()
    text = io.StringIO()
    print_leaderboard(records, Console(file=text, width=120))
    lines = "\n".join(line.rstrip() for line in text.getvalue().splitlines())
    x, y = lines.split("y  [synthetic]")
    assert x.startswith("x  [synthetic]\nbreaks: nothing; unsolved\n")
    assert " 1.10 " in x
    assert "breaks: nothing; solved" in y
    assert "it ranks nobody" in y  # at the foot


def test_where_all_are_unsolved_there_is_no_order(make_records):
    records = make_records({"x": METHODS | {OWN: [9.0] * 3}})
    ranking = rank(records)
    assert ranking.overall is None
    assert ranking.pairs.empty
    assert leaderboard(records)["nmse_outside"].tolist() == [1.1, 2.1, 9.0]


def test_the_best_oracle_of_a_seed_counts(make_records):
    together = {OWN: [0.01, 9.0, 0.01], MIXED: [9.0, 0.02, 9.0]}
    found = _state(make_records, **together)
    assert (found.state, found.worst) == ("solved", 0.02)
    # another oracle than the positive controls may show it as well
    assert _state(make_records, **{OWN: [9.0] * 3, "oracle": [0.1] * 3}).state == "solved"
    # a method may not: that an error is small by luck says nothing
    assert _state(make_records, **{OWN: [9.0] * 3, "c": [0.01] * 3}).state == "unsolved"


def test_a_control_that_failed_has_reached_nothing(make_records):
    found = _state(make_records, **{OWN: [0.01, "failed", 0.01]})
    assert (found.state, found.reached, found.worst) == ("unsolved", 2, math.inf)
    assert rank(make_records({"x": METHODS | {OWN: ["failed"] * 3}})).as_json()["controls"][0] == {
        "scenario": "x",
        "state": "unsolved",
        "bound": 0.1,
        "seeds": 3,
        "reached": 0,
        "worst": None,
        "text": "unsolved: the best oracle reaches 0.1 (nmse_outside) on 0 of 3 seeds, "
        "at worst failed",
    }


def test_seeds_without_a_control_are_not_looked_at(make_records):
    found = _state(make_records, **{OWN: [0.01, None, None]})
    assert (found.state, found.seeds) == ("solved", 1)


@pytest.mark.parametrize(
    "controls", [{}, {"oracle": [9.0] * 3}, {OWN: ["left out"] * 3}], ids=["none", "other", "left"]
)
def test_where_no_control_was_run_it_is_said_and_ranks_stay(make_records, controls):
    records = make_records({"x": METHODS | controls})
    assert _states(records)["x"].state == "controls not run"
    ranking = rank(records)
    assert ranking.overall.table["method_label"].tolist() == ["a", "b"]
    assert len(ranking.pairs) == 1
    assert ranking.notes()[-1].startswith("controls not run")
    assert ranking.notes()[-1].endswith(": x")


def test_controls_of_another_scenario_say_nothing(make_records):
    records = make_records({"x": METHODS, "y": METHODS | {OWN: [9.0] * 3}})
    found = _states(records)
    assert (found["x"].state, found["y"].state) == ("controls not run", "unsolved")


@pytest.mark.parametrize(
    ("name", "parameters", "bound"),
    [
        ("linear_action", '{"outcome": "softplus"}', 0.1),
        ("linear_action", '{"outcome": "bump"}', 0.25),
        ("nobody_has_this", "{}", 0.1),
        ("linear_action", '{"gone": 1}', 0.1),
        ("linear_action", "no JSON", 0.1),
    ],
)
def test_the_bound_is_that_of_the_scenario_with_its_parameters(
    make_records, name, parameters, bound
):
    records = make_records({"x": METHODS | {OWN: [bound] * 3}})
    records["scenario"], records["scenario_parameters"] = name, parameters
    found = _states(records)["x"]
    assert (found.state, found.bound) == ("solved", bound)
    records.loc[records["method"] == OWN, "value"] = bound * 1.001
    assert _states(records)["x"].state == "unsolved"


def test_own_data_have_no_controls(make_records):
    records = make_records({"x": METHODS})
    parameters = '{"file": "a", "sha256": "%s", "actions": "a", "features": "x", "outcome": "y", '
    records["scenario"] = "own_data"
    records["scenario_parameters"] = parameters % ("0" * 64) + '"hold_out": "a > 1"}'
    found = _states(records)["x"]
    assert (found.state, found.text) == ("no controls", "no controls")
    assert (leaderboard(records)["breaks"] == "nothing is known of its assumptions").all()
    assert not [note for note in rank(records).notes() if "controls" in note]
