"""Tables of results are what the records say, counted by pandas and scipy, and what boards show."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rep4ex_bench import load_run
from rep4ex_bench.boards.ranking import leaderboard, rank
from rep4ex_bench.boards.report.appearance import appearances
from rep4ex_bench.boards.report.tables import boards
from rep4ex_bench.errors import OutputFolderError, UnknownNameError, UsageError
from rep4ex_bench.results import Results
from rep4ex_bench.results.columns import COLUMNS
from rep4ex_bench.results.results import TABLES

CELL = ["scenario_label", "method_label", "seed"]


def by_row(table, column):
    return table.set_index(["scenario_label", "method_label"])[column].sort_index()


@pytest.mark.parametrize("metric", ["nmse_outside", "nmse_inside", "affine_r2"])
def test_the_leaderboard_has_the_medians_of_the_scores(results, metric):
    scores = results.scores(metric)
    medians = scores.groupby(["scenario_label", "method_label"])["value"].median()
    found = by_row(results.leaderboard(), metric)
    pd.testing.assert_series_equal(medians.sort_index(), found, check_names=False)


def test_scores_are_the_records_values_and_every_cell_has_a_row(results, records):
    scores = results.scores()
    assert len(scores) == 2 * 6 * 7
    assert not scores.duplicated(CELL).any()
    own = records[(records["metric"] == "nmse_outside") & (records["status"] == "ok")]
    good = scores[scores["status"] == "ok"]
    same = [*CELL, "value", "fit_seconds", "process_seconds"]
    left, right = (t[same].sort_values(CELL, ignore_index=True) for t in (good, own))
    pd.testing.assert_frame_equal(left, right)
    others = scores[scores["status"] != "ok"].set_index(CELL)
    assert others["status"].value_counts().to_dict() == {
        "not_applicable": 7,
        "failed": 1,
        "missing": 1,
    }
    assert np.isinf(others.loc[others["status"].isin(["failed", "missing"]), "value"]).all()
    assert others.loc[others["status"] == "not_applicable", "value"].isna().all()
    assert scores.loc[scores["role"] == "control", "peak_memory_bytes"].isna().all()


def test_the_leaderboard_is_that_of_the_report_and_the_terminal(results, records):
    found, board = results.leaderboard(), leaderboard(records)
    pd.testing.assert_frame_equal(found[board.columns], board)
    shown = boards(board, records, appearances(records))
    rows = [row for one in shown for _, group in one.groups for row in group]
    assert ["" if pd.isna(r) else str(r) for r in found["rank"]] == [row.rank for row in rows]
    assert list(found["method_label"]) == [row.looks.label for row in rows]
    assert list(found.columns[4:8]) == ["rank", "configurations", "cells_ok", "cells"]


def test_ranks_are_those_of_the_medians_of_methods_that_apply(results):
    board = results.leaderboard()
    competing = board[(board["role"] == "method") & (board["left_out"] == "")]
    for _, rows in competing.groupby("scenario_label"):
        assert list(rows["rank"]) == list(stats.rankdata(rows["nmse_outside"]))
    assert board.loc[board["role"] != "method", "rank"].isna().all()
    assert board.loc[board["left_out"] != "", "rank"].isna().all()


def test_intervals_are_there_from_six_seeds_on(results, few_seeds):
    board = results.leaderboard()
    full = board[board["left_out"] == ""]
    # of seven values only the whole range holds the median often enough: 1 - 2 / 2 ** 7
    assert list(full["nmse_outside_low"]) == list(full["nmse_outside_min"])
    assert list(full["nmse_outside_high"]) == list(full["nmse_outside_max"])
    assert few_seeds.leaderboard()["nmse_outside_low"].isna().all()


def test_pairs_and_places_are_those_of_the_ranking(results, records):
    expected = rank(records)
    assert set(results.pairs()["role"]) == {"method"}
    pd.testing.assert_frame_equal(results.pairs().drop(columns="role"), expected.pairs)
    row = results.pairs().iloc[0]
    values = results.scores().pivot(index=CELL[::2], columns="method_label", values="value")
    own = values.loc[row["scenario_label"]]
    assert row["ratio"] == pytest.approx(np.median(own[row["second"]] / own[row["first"]]))
    places = results.ranking().set_index("method_label")
    ranked = expected.overall.table.set_index("method_label")
    assert places.loc[ranked.index, "mean_rank"].equals(ranked["mean_rank"])
    assert places["coverage"]["partial"] == 1
    assert math.isnan(places["mean_rank"]["partial"])
    assert set(places["scenarios"]) == {2}
    assert results.notes() == expected.notes()


def test_tuned_methods_have_an_order_and_a_best_of_their_own(records):
    tuned = records["method_label"].isin(["rep4ex", "exploding"])
    table = records.assign(method=records["method"].where(~tuned, "tuned"))
    results, expected = Results(table), rank(table)
    own = results.pairs().query("role == 'tuned'").drop(columns="role").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, expected.tuned.pairs)
    places = results.ranking()
    assert set(places.loc[places["role"] == "tuned", "method_label"]) == {"rep4ex", "exploding"}
    assert set(results.scores().query("role == 'tuned'")["method_label"]) == {"rep4ex", "exploding"}
    bold = results.to_latex().count(r"\textbf")
    # the best as given and the best tuned one, in each
    assert bold == 2 * records["scenario_label"].nunique()


def test_curves_are_the_records_values(results, records):
    own = records[records["metric"] == "nmse_by_distance"]
    keys = [*CELL, "at", "value", "role"]
    left, right = (t[keys].sort_values(keys, ignore_index=True) for t in (results.curves(), own))
    pd.testing.assert_frame_equal(left, right)


def test_failures_and_diagnostics(results, records):
    (failure,) = results.failures().to_dict("records")
    assert failure["seed"] == 2
    assert failure["error"] == records.loc[records["status"] == "failed", "error"].item()
    steps = results.diagnostics()
    assert set(steps["diagnostic"]) == {"steps"}
    assert len(steps) == (records["metric"] == "diagnostic:steps").sum()


def test_every_column_is_explained(results):
    for table in COLUMNS:
        assert list(results.columns(table)) == list(results.table(table).columns), table
    assert set(TABLES) == {*COLUMNS, "records"}
    assert results.columns("leaderboard")["affine_r2"].endswith("1 is best; median over seeds")


def test_what_is_not_there_is_named_with_what_is(results):
    with pytest.raises(UsageError, match="no scalar metric 'r2': they have nmse_outside, nmse_in"):
        results.scores("r2")
    with pytest.raises(UsageError, match=r"axis 'affine_r2': they have nmse_by_distance"):
        results.curves("affine_r2")
    with pytest.raises(UnknownNameError, match="did you mean 'leaderboard'"):
        results.table("leaderbord")
    with pytest.raises(UsageError, match="'pairs' takes no metric: scores and curves take one"):
        results.table("pairs", "affine_r2")


def test_tables_of_no_records_have_their_columns(nothing):
    for table in COLUMNS:
        assert nothing.table(table).empty
        assert list(nothing.table(table).columns) == list(COLUMNS[table])


def test_a_table_can_be_changed_without_changing_the_results(results):
    for table in ("records", "pairs", "scores"):
        before = results.table(table)
        changed = results.table(table)
        changed["role"] = "changed"
        pd.testing.assert_frame_equal(results.table(table), before)


def test_a_folder_is_read_without_running(run_folder, results, tmp_path):
    pd.testing.assert_frame_equal(
        load_run(run_folder).leaderboard(), results.leaderboard(), check_dtype=False
    )
    with pytest.raises(OutputFolderError, match="is no run folder"):
        load_run(tmp_path)
    (run_folder / "records.parquet").unlink()
    with pytest.raises(OutputFolderError, match="run the suite again with the same folder"):
        load_run(str(run_folder))
