"""Seeds that split one table: the corrected test holds its level where that over seeds does not."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rep4ex_bench.boards.ranking import leaderboard, rank
from rep4ex_bench.boards.ranking.one_table import (
    can_decide,
    corrected_interval,
    corrected_p,
    smallest_mean,
)
from rep4ex_bench.boards.ranking.pairs import signed_rank_p
from rep4ex_bench.boards.report.ranking_section import reaches
from rep4ex_bench.comparison.accuracy import accuracy_changes
from rep4ex_bench.comparison.change import judged
from rep4ex_bench.errors import PluginError
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.scenarios.own_data import OwnData

sys.path.insert(0, str(Path(__file__).parents[3] / "tools" / "pages"))
import own_data_tests


def means_of_splits(rng, rows, share, seeds):
    """Means of random shares of one table of normal rows whose true mean is 0, (seeds,)."""
    table = rng.normal(size=rows)
    count = round(share * rows)
    return np.array([rng.permutation(table)[:count].mean() for _ in range(seeds)])


@pytest.mark.parametrize(("share", "seeds"), [(0.5, 8), (0.8, 5), (0.25, 20)])
def test_the_corrected_test_has_its_size_on_means(share, seeds):
    """A mean is linear in the rows, where the formula is exact: 5 % of 1000 tables."""
    rng = np.random.default_rng(seeds)
    samples = [means_of_splits(rng, 100, share, seeds) for _ in range(1000)]
    rejected = sum(corrected_p(sample, share) <= 0.05 for sample in samples)
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], 1000, 0.05)
    assert low <= rejected <= high
    if seeds >= 8:
        assert np.mean([signed_rank_p(sample) <= 0.05 for sample in samples[:200]]) > 0.2
    intervals = [corrected_interval(np.exp(sample), share) for sample in samples]
    covered = sum(below <= 1 <= above for below, above in intervals)
    assert covered == 1000 - rejected  # the interval is what the test cannot exclude


def test_exchangeable_methods_are_seldom_told_apart_on_own_data():
    """The table of docs/own-data-tests.md, on fewer tables: files, splits and truth as in a run."""
    case, tables = own_data_tests.CASES["strongly bent, a line is fitted"], 120
    (errors,) = own_data_tests.simulated_errors(case, (0.5,), 8, tables)
    naive, corrected = own_data_tests.shares_of(errors, 0.5)
    assert corrected * tables <= stats.binom.ppf(1 - 1e-3, tables, 0.07)
    assert naive * tables >= stats.binom.ppf(1e-3, tables, 0.23)
    # and a method that is truly worse is found
    errors[..., 1] *= 4
    assert own_data_tests.shares_of(errors, 0.5)[1] > 0.8


def test_what_the_corrected_test_cannot_decide():
    differences = np.array([1.0, 1.1, 0.9])
    assert not can_decide(1, 0.5)
    assert not can_decide(20, 1.0)  # all seeds train on the same rows
    assert corrected_p(differences, 1.0) == 1.0
    assert corrected_p(differences[:1], 0.5) == 1.0
    assert corrected_p(np.zeros(4), 0.5) == 1.0
    assert np.isnan(corrected_interval(np.exp(differences), 1.0)).all()
    assert np.isnan(corrected_interval(np.array([1.0, math.inf]), 0.5)).all()
    shift = smallest_mean(differences, 0.5, 0.01) - differences.mean()
    assert corrected_p(differences + shift + 1e-9, 0.5) <= 0.01
    assert corrected_p(differences + shift - 1e-9, 0.5) > 0.01


def own(records, share):
    """Make records those of own data, which declares that its seeds split one table."""
    columns = {"actions": "a", "features": "x", "outcome": "y", "hold_out": "a > 1"}
    parameters = {"file": "a", "sha256": "0" * 64, "training_share": share} | columns
    return records.assign(scenario="own_data", scenario_parameters=json.dumps(parameters))


def test_boards_of_own_data_use_it(make_records):
    rng = np.random.default_rng(2)
    level = rng.lognormal(0, 0.3, 8)
    near = level * rng.lognormal(0.15, 0.1, 8)
    errors = {"s": {"a": level.tolist(), "b": near.tolist(), "c": (9 * near).tolist()}}
    independent = rank(make_records(errors)).pairs.set_index(["first", "second"])
    ranking = rank(own(make_records(errors), 0.5))
    pairs = ranking.pairs.set_index(["first", "second"])
    assert pairs["one_table"].all()
    assert pairs.loc[("a", "b"), "p"] == pytest.approx(corrected_p(np.log(near / level), 0.5))
    assert pairs.loc[("a", "b"), "p"] > independent.loc[("a", "b"), "p"]
    assert pairs["decided"].tolist() == [False, True, True]
    (note,) = [note for note in ranking.notes() if note.startswith("s: ")]
    assert "8 splits of one table decide 2 of 3 pairs" in note
    assert "could" not in note
    board = leaderboard(own(make_records(errors), 0.5))
    assert board[["nmse_outside_low", "nmse_outside_high"]].isna().all(axis=None)
    assert {row.interval for row in reaches(board)} == {"none: one table"}
    same_rows = rank(own(make_records(errors), 1.0))
    assert not same_rows.pairs["decided"].any()
    assert any("cannot decide any of 3 pairs" in note for note in same_rows.notes())


@pytest.mark.parametrize(("share", "verdict"), [(0.5, "improvement"), (1.0, "undecidable")])
def test_two_runs_on_own_data_are_compared_by_it(make_records, share, verdict):
    rng = np.random.default_rng(3)
    before = rng.lognormal(0, 0.3, 5)
    after = before / 9 * rng.lognormal(0, 0.1, 5)
    runs = [own(make_records({"s": {"a": values.tolist()}}), share) for values in (before, after)]
    (change,) = judged(accuracy_changes(*runs, least=1.05, with_costs=False))
    assert change.verdict == verdict
    if share < 1:  # 5 seeds are enough, which they are not for a signed-rank test
        assert change.p == pytest.approx(corrected_p(np.log(after / before), share))
        assert change.low < change.ratio < change.high < 1
    else:
        assert "undecidable with 5 splits of one table" in change.note
        assert math.isnan(change.low)


@pytest.mark.parametrize("share", [0, 1.5, True, "half"])
def test_a_share_that_is_none_is_refused(share):
    scenario = OwnData()
    scenario.training_share = share
    with pytest.raises(PluginError, match="resampled_share must be None or the share"):
        scenario.checked_resampled_share()
    assert get_scenario("linear_action").checked_resampled_share() is None
