"""Empty fields: what does not apply or is not installed is no failure and ranks nobody."""

import math

import numpy as np
import pandas as pd
import pytest

from rep4ex_bench.boards.intervals import median_interval
from rep4ex_bench.boards.ranking import gaps, leaderboard, rank
from rep4ex_bench.boards.ranking.breakdown import breakdowns, seed_curves
from rep4ex_bench.boards.ranking.cost import cost_table
from rep4ex_bench.boards.ranking.scores import scores
from rep4ex_bench.boards.ranking.sequential import decide

# c applies in x only; oracles and controls are not ranked and may have gaps of their own
ERRORS = {
    "x": {"a": [1.0, 1.1], "b": [2.0, 2.1], "c": [3.0, 3.1], "oracle": ["left out"] * 2},
    "y": {"a": [3.0, 3.1], "b": [1.0, 1.1], "c": ["left out"] * 2, "oracle": [0.1, 0.2]},
    "z": {"a": [1.0, 1.1], "b": [2.0, "failed"], "c": ["left out"] * 2, "oracle": [0.1, 0.2]},
}


@pytest.fixture
def records(make_records):
    return make_records(ERRORS)


def test_an_empty_field_has_no_score_and_is_not_missing(records):
    x, y, z = scores(records)
    assert x.values["c"].tolist() == [3.0, 3.1]
    assert y.values["c"].isna().all()
    assert not y.missing["c"].any()
    assert z.values["b"].tolist() == [2.0, math.inf]  # failures stay as bad as they were
    assert (x.applies("c"), y.applies("c"), z.applies("b")) == (True, False, True)


def test_of_repeated_records_a_failure_counts_and_not_the_empty_field(make_records, make_row):
    records = make_records({"x": {"a": [1.0], "b": ["left out"]}})
    failed = make_row("x", "b", 0, "", math.nan, status="failed")
    records.loc[len(records)] = failed
    (found,) = scores(records)
    assert found.values["b"].tolist() == [math.inf]


def test_only_methods_that_apply_everywhere_have_a_place(records):
    found = rank(records).overall
    table = found.table.set_index("method_label")
    # places of a: 1, 2, 1; of b: 2, 1, 2
    assert table["mean_rank"].to_dict() == {"a": pytest.approx(4 / 3), "b": pytest.approx(5 / 3)}
    assert table["coverage"].tolist() == [3, 3]
    assert table["cells"].tolist() == [6, 6]
    assert table["failed"].to_dict() == {"a": 0, "b": 1}
    assert found.scenarios == 3
    (row,) = found.unplaced.to_dict("records")
    assert row == {"method_label": "c", "failed": 0, "missing": 0, "cells": 2, "coverage": 1}


def test_pairs_are_compared_where_both_apply(records):
    pairs = rank(records).pairs.set_index(["scenario_label", "first", "second"])
    assert sorted(pairs.index) == [
        ("x", "a", "b"),
        ("x", "a", "c"),
        ("x", "b", "c"),
        ("y", "b", "a"),
        ("z", "a", "b"),
    ]
    ratio = math.sqrt(3.0 / 1.0 * 3.1 / 1.1)  # median of two logs
    assert pairs.loc[("x", "a", "c"), "ratio"] == pytest.approx(ratio)
    # two seeds on one side: p = 1/2; corrected for three pairs in x, for none in y
    assert pairs.loc[("x", "a", "c"), "p_holm"] == 1.0
    assert pairs.loc[("y", "b", "a"), "p_holm"] == 0.5
    assert (pairs["seeds"] == 2).all()


def test_pairs_use_the_seeds_that_both_have(make_records):
    records = make_records({"x": {"a": [1.0, 1.1, 1.3], "b": [2.0, 2.4, "left out"]}})
    (row,) = rank(records).pairs.to_dict("records")
    assert row["seeds"] == 2
    assert row["ratio"] == pytest.approx(math.sqrt(2.0 * 2.4 / 1.1))


def test_nobody_has_a_place_where_fewer_than_two_apply_everywhere(make_records):
    records = make_records({"x": {"a": [1.0], "b": ["left out"]}, "y": {"a": [1.0], "b": [2.0]}})
    ranking = rank(records)
    assert ranking.overall.table.empty
    assert ranking.overall.unplaced["method_label"].tolist() == ["a", "b"]
    assert ranking.overall.unplaced["coverage"].tolist() == [2, 1]
    assert "fewer than two methods apply in all of 2 scenarios" in ranking.notes()[0]
    assert ranking.as_json()["overall"]["critical_difference"] is None


def test_a_scenario_where_no_method_applies_takes_nobodys_place(make_records):
    both = {"a": [1.0], "b": [2.0]}
    neither = {"a": ["left out"], "b": ["left out"], "constant_mean": [1.0]}
    found = rank(make_records({"x": both, "y": neither})).overall
    assert found.scenarios == 1
    assert found.table["method_label"].tolist() == ["a", "b"]


def test_the_board_shows_an_empty_field_and_why(records):
    board = leaderboard(records)
    rows = board[board["scenario_label"] == "y"].set_index("method_label")
    assert list(rows.index) == ["b", "a", "c", "oracle"]  # empty fields last in their role
    row = rows.loc["c"]
    empty = ["nmse_outside", "nmse_outside_low", "nmse_outside_high", "nmse_inside", "fit_seconds"]
    assert row[empty].isna().all()
    assert (row["cells"], row["cells_ok"], row["cells_missing"]) == (0, 0, 0)
    assert not row["on_front"]
    assert row["left_out"] == "not applicable: needs time"
    assert (rows.drop(index="c")["left_out"] == "").all()


def test_cost_leaves_empty_fields_out(records):
    table = cost_table(records)
    assert set(table.loc[table["method_label"] == "c", "scenario_label"]) == {"x"}
    assert (table["seeds"] == 2).all()


def test_breakdown_counts_a_failed_seed_and_not_an_empty_one(make_row):
    def curve(method, seed, values):
        return [make_row("x", method, seed, "nmse_by_distance", v, at) for at, v in values.items()]

    rows = curve("m", 0, {1.0: 0.1, 2.0: 0.2}) + curve("ols_on_actions", 0, {1.0: 1.0, 2.0: 1.0})
    rows += curve("ols_on_actions", 1, {1.0: 1.0, 2.0: 1.0})
    empty = [make_row("x", "m", 1, "", math.nan, status="unavailable", error="gone")]
    failed = [make_row("x", "m", 1, "", math.nan, status="failed")]
    with_empty, with_failed = (pd.DataFrame([*rows, *more]) for more in (empty, failed))
    assert seed_curves(with_empty)["m"].to_numpy().tolist() == [[0.1], [0.2]]
    assert np.isinf(seed_curves(with_failed)["m"][1]).all()
    assert breakdowns(with_failed).loc["m", "breakdown_ols"] == 1.0  # of 1 and infinity
    assert breakdowns(with_empty).loc["m", "breakdown_ols"] == math.inf


def test_an_interval_is_over_the_seeds_that_are_not_left_out(make_records):
    values = np.random.default_rng(0).lognormal(size=8).tolist()
    errors = {"a": values, "b": [*values[:6], "left out", "left out"], "c": ["left out"] * 8}
    board = leaderboard(make_records({"x": errors})).set_index("method_label")
    ends = board[["nmse_outside_low", "nmse_outside_high"]].to_numpy()
    order = list(board.index)
    assert ends[order.index("a")].tolist() == list(median_interval(np.array(values)))
    assert ends[order.index("b")].tolist() == [min(values[:6]), max(values[:6])]
    assert np.isnan(ends[order.index("c")]).all()


def test_a_sequential_decision_looks_where_both_apply(make_records):
    seeds = 12
    errors = {"x": {"a": [1.0] * seeds, "b": [2.0] * seeds}}
    alone = decide(scores(make_records(errors)), "a", "b")
    errors["y"] = {"a": [1.0] * seeds, "b": ["left out"] * seeds}
    assert decide(scores(make_records(errors)), "a", "b") == alone
    del errors["x"]
    nothing = decide(scores(make_records(errors)), "a", "b")
    assert (nothing.winner, nothing.seeds, nothing.evidence) == (None, 0, 1.0)


def test_gaps_are_one_for_each_method_and_reason(records):
    found = {gap.method: gap for gap in gaps(records)}
    assert list(found) == ["oracle", "c"]
    assert found["c"].scenarios == ("y", "z")
    assert found["c"].text == "c is not applicable in y, z: needs time"
    assert rank(records).as_json()["left_out"][1]["reason"] == "needs time"


def test_without_empty_fields_there_is_nothing_more(make_records):
    errors = {s: {m: v for m, v in of.items() if m in "ab"} for s, of in ERRORS.items()}
    ranking = rank(make_records(errors))
    assert ranking.left_out == []
    assert ranking.overall.unplaced.empty
    assert (leaderboard(make_records(errors))["left_out"] == "").all()
