"""What the ranking does with failures, missing cells and ties."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rep4ex_bench.boards.ranking import leaderboard, rank
from rep4ex_bench.boards.ranking.overall import _letters


def places(records):
    table = rank(records).overall.table
    return table.set_index("method_label")


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_failed_or_missing_cell_never_improves_a_rank(make_row, data):
    count = st.integers(0, 5)
    rng = np.random.default_rng(data.draw(count))
    cells = [(s, m, i) for s in "xyz" for m in "abcd" for i in range(3)]
    values = dict(zip(cells, rng.lognormal(size=len(cells)), strict=True))
    hit = data.draw(st.lists(st.sampled_from(cells), min_size=1, max_size=4, unique=True))
    victim = hit[0][1]
    hit = [cell for cell in hit if cell[1] == victim]
    how = data.draw(st.sampled_from(["failed", "missing", "nan", "negative"]))
    before = pd.DataFrame([make_row(*cell, "nmse_outside", values[cell]) for cell in cells])
    after = before.copy()
    touched = after["cell_key"].isin(["/".join(map(str, cell)) for cell in hit])
    if how == "missing":
        after = after[~touched]
    elif how == "failed":
        after.loc[touched, ["status", "metric", "value"]] = ["failed", "", math.nan]
    else:
        after.loc[touched, "value"] = math.nan if how == "nan" else -1.0
    old, new = places(before), places(after)
    assert new.loc[victim, "mean_rank"] >= old.loc[victim, "mean_rank"]
    flagged = new.loc[victim, "missing" if how == "missing" else "failed"]
    assert flagged == len(hit)
    assert new.loc[[m for m in "abcd" if m != victim], ["failed", "missing"]].to_numpy().sum() == 0


def test_a_method_absent_from_a_scenario_is_last_there_and_flagged(make_records):
    records = make_records(
        {"x": {"a": [1, 1], "b": [2, 2], "c": [3, 3]}, "y": {"b": [1, 1], "c": [2, 2]}}
    )
    table = places(records)
    assert table.loc["a", "mean_rank"] == 2.0  # first of three, then third of three
    assert table.loc["a", "missing"] == 2
    board = leaderboard(records).set_index(["scenario_label", "method_label"])
    assert board.loc[("y", "a"), "nmse_outside"] == math.inf
    assert tuple(board.loc[("y", "a"), ["cells", "cells_ok", "cells_missing"]]) == (2, 0, 2)


def test_methods_that_fail_alike_are_tied_last(make_records):
    table = places(make_records({"x": {"a": [1.0], "b": ["failed"], "c": ["failed"]}}))
    assert table["mean_rank"].to_dict() == {"a": 1.0, "b": 2.5, "c": 2.5}


def test_a_repeated_cell_counts_with_its_worst_value(make_records):
    once = make_records({"x": {"a": [5.0, 5.0], "b": [1.0, 1.0]}})
    twice = pd.concat([once, once[once["method"] == "a"].assign(value=0.0)])
    assert places(twice).loc["a", "mean_rank"] == 2.0


def test_oracles_and_controls_are_not_ranked(make_records):
    errors = {"x": {"oracle": [0.1], "a": [1.0], "constant_mean": [1.5], "b": [2.0]}}
    assert list(places(make_records(errors)).index) == ["a", "b"]
    assert rank(make_records({"x": {"a": [1.0]}})).overall is None


def test_one_scenario_decides_nothing_and_many_do(make_records):
    one = rank(make_records({"x": {m: [float(i)] for i, m in enumerate("abc")}}))
    assert "nothing is decided overall" in one.notes()[0]
    assert set(one.overall.table["groups"]) == {"a"}
    many = rank(
        make_records({f"s{n}": {m: [i + 0.1] for i, m in enumerate("abcde")} for n in range(25)})
    ).overall
    assert many.separable
    assert (
        list(many.table["groups"]) == ["a", "ab", "bc", "cd", "d"]
        or many.table["groups"].nunique() == 5
    )
    first = many.table.iloc[0]
    assert (first["best_place"], first["worst_place"]) == (1, 1 + (many.critical_difference > 1))


def test_letters_are_the_maximal_groups_of_ties():
    ranks = np.array([1.0, 1.4, 2.1, 4.0])
    tied = np.abs(ranks[:, None] - ranks) <= 1
    assert _letters(tied) == ["a", "ab", "b", "c"]


def test_too_few_seeds_are_said_to_decide_nothing(make_records):
    few = rank(make_records({"x": {"a": [1.0] * 3, "b": [9.0] * 3, "c": [5.0] * 3}}))
    assert not few.pairs["decided"].any()
    assert "3 seeds cannot decide any of 3 pairs" in few.notes()[1]
    assert "7 could" in few.notes()[1]
    seeds = np.linspace(1, 1.2, 12)
    enough = rank(make_records({"x": {"a": list(seeds), "b": list(9 * seeds[::-1])}}))
    assert enough.pairs["decided"].all()
    assert enough.pairs["ratio"][0] == pytest.approx(9, rel=0.05)
    assert "12 seeds decide 1 of 1 pairs" in enough.notes()[1]


def test_the_ranking_is_plain_data(make_records):
    found = rank(make_records({"x": {"a": ["failed"], "b": [1.0]}})).as_json()
    assert found["overall"]["friedman_p"] is None
    assert [m["method_label"] for m in found["overall"]["methods"]] == ["b", "a"]
    empty = {"overall": None, "pairs": []}
    further = {"tuned": empty, "notes": [], "left_out": [], "controls": []}
    assert rank(pd.DataFrame()).as_json() == empty | further
