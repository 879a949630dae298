"""Every statistic against a second library, a closed form, an enumeration or a simulation."""

import math
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.libqsturng import qsturng
from statsmodels.stats.multitest import multipletests

from rep4ex_bench.boards.distances import joined
from rep4ex_bench.boards.intervals import median_interval
from rep4ex_bench.boards.ranking import leaderboard
from rep4ex_bench.boards.ranking.breakdown import breakdowns, first_stop
from rep4ex_bench.boards.ranking.overall import critical_difference, overall
from rep4ex_bench.boards.ranking.pairs import (
    compare_pairs,
    holm,
    seeds_needed,
    signed_rank_p,
    signed_rank_ps,
    smallest_p,
    smallest_ratio,
)
from rep4ex_bench.boards.ranking.pareto import on_front
from rep4ex_bench.boards.ranking.scores import scores
from rep4ex_bench.boards.report.ranking_section import reaches


def test_critical_difference_is_the_other_librarys_and_the_published_one():
    for methods, scenarios in ((2, 5), (4, 10), (7, 3), (12, 40)):
        quantile = qsturng(0.95, methods, np.inf) / math.sqrt(2)
        expected = quantile * math.sqrt(methods * (methods + 1) / (6 * scenarios))
        assert critical_difference(methods, scenarios) == pytest.approx(expected, rel=2e-3)
    # Demsar (2006), Table 5(a): q at 0.05 for k classifiers
    for methods, published in ((2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)):
        scale = math.sqrt(methods * (methods + 1) / 6)
        assert critical_difference(methods, 1) / scale == pytest.approx(published, abs=1e-3)


def test_friedman_is_the_formula_on_ranks(make_records):
    rng = np.random.default_rng(1)
    errors = {f"s{i}": {m: [rng.uniform()] for m in "abcd"} | {"e": [2.0]} for i in range(6)}
    found = overall(scores(make_records(errors)))
    ranks = np.array([stats.rankdata([v[m][0] for m in "abcde"]) for v in errors.values()])
    n, k = ranks.shape
    chi2 = 12 * n / (k * (k + 1)) * (np.sum(ranks.mean(axis=0) ** 2) - k * (k + 1) ** 2 / 4)
    assert found.friedman_p == pytest.approx(stats.chi2.sf(chi2, k - 1), rel=1e-9)
    mean = found.table.set_index("method_label")["mean_rank"]
    assert mean[list("abcde")].to_numpy() == pytest.approx(ranks.mean(axis=0))


def test_signed_rank_test_is_the_enumeration_of_all_signs():
    rng = np.random.default_rng(2)
    for _ in range(5):
        differences = rng.normal(0.5, 1, 7)
        ranks = stats.rankdata(np.abs(differences))
        observed = min(ranks[differences > 0].sum(), ranks[differences < 0].sum())
        every = [ranks[np.array(s) > 0].sum() for s in product((-1, 1), repeat=7)]
        expected = min(1.0, 2 * np.mean(np.array(every) <= observed))
        assert signed_rank_p(differences) == pytest.approx(expected, rel=1e-12)
    assert signed_rank_p(np.zeros(4)) == 1.0
    assert signed_rank_p(np.ones(9) * np.arange(1, 10)) == smallest_p(9)


def test_holm_is_the_other_librarys():
    rng = np.random.default_rng(8)
    for size in (1, 2, 21):
        p = rng.uniform(0, 0.2, size).round(2)  # with ties
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_holm_is_the_closed_test_of_all_intersections(make_records):
    """Holm's procedure is Bonferroni's under the closure principle (Marcus et al. 1976)."""
    rng = np.random.default_rng(3)
    errors = {"s": {m: rng.lognormal(0.4 * i, 0.5, 12).tolist() for i, m in enumerate("abc")}}
    pairs = compare_pairs(scores(make_records(errors)))
    p = pairs["p"].to_numpy()
    closed = [
        max(
            min(1.0, len(some) * p[list(some)].min())
            for size in range(1, 4)
            for some in combinations(range(3), size)
            if index in some
        )
        for index in range(3)
    ]
    assert pairs["p_holm"].to_numpy() == pytest.approx(closed)
    assert list(pairs["decided"]) == [value <= 0.05 for value in closed]
    assert 0 < pairs["decided"].sum() < 3


def test_intervals_with_failures_reach_to_infinity():
    assert median_interval(np.array([1.0, 2, 3, 4, np.inf, np.inf])) == (1.0, math.inf)
    assert median_interval(np.full(6, np.inf)) == (math.inf, math.inf)


def test_a_board_of_too_few_seeds_has_no_interval(make_records):
    rng = np.random.default_rng(4)
    for seeds in (1, 3, 5, 6, 12):
        values = rng.lognormal(size=seeds)
        (row,) = leaderboard(make_records({"s": {"a": values.tolist()}})).to_dict("records")
        ends = (row["nmse_outside_low"], row["nmse_outside_high"])
        (shown,) = reaches(leaderboard(make_records({"s": {"a": values.tolist()}})))
        if seeds < 6:
            assert np.isnan(ends).all()
            assert shown.interval == "needs 6 seeds"
        else:
            assert ends == median_interval(values)
            assert " to " in shown.interval


def test_the_smallest_ratio_is_the_first_shift_that_is_decided():
    rng = np.random.default_rng(5)
    for seeds, level in ((6, 0.05), (10, 0.01), (15, 0.004)):
        differences = rng.normal(0.3, 0.8, seeds)
        ratio = smallest_ratio(differences, level)
        first, second = np.triu_indices(seeds)
        centre = np.median((differences[first] + differences[second]) / 2)
        scatter = differences - centre
        assert signed_rank_p(scatter + np.log(ratio) + 1e-9) <= level
        assert signed_rank_p(scatter + np.log(ratio) - 1e-9) > level
    assert smallest_ratio(rng.normal(size=5), 0.05) == math.inf


def test_seeds_needed_is_where_the_smallest_p_becomes_small_enough():
    for comparisons in (1, 3, 21, 1000):
        needed = seeds_needed(comparisons)
        assert smallest_p(needed) * comparisons <= 0.05 < smallest_p(needed - 1) * comparisons


def test_the_front_is_what_brute_force_finds():
    rng = np.random.default_rng(6)
    points = rng.integers(0, 6, (40, 2)).astype(float)
    points[3, 0], points[4, 1] = np.inf, np.nan
    expected = [
        np.isfinite(p).all()
        and not any((q <= p).all() and (q < p).any() for q in points if np.isfinite(q).all())
        for p in points
    ]
    assert on_front(points[:, 0], points[:, 1]).tolist() == expected
    assert any(expected)


def test_breakdown_is_the_first_distance_at_which_a_method_stops_to_win():
    distance = np.array([0.5, 1.0, 2.0, 3.0])
    line = np.ones(4)
    assert first_stop(distance, np.array([9.0, 0.5, 0.5, 2.5]), line) == pytest.approx(2.25)
    assert first_stop(distance, np.array([9.0, 0.5, 1.5, 0.1]), line) == pytest.approx(1.5)
    assert first_stop(distance, np.array([0.0, 2.0, 0.5, 0.9]), line) == 1.0
    assert first_stop(distance, np.array([9.0, 0.9, 0.5, 0.9]), line) == math.inf
    assert first_stop(distance, np.array([0.0, 1.0, 1.0, 1.0]), line) == 1.0
    assert first_stop(distance, np.array([0.0, 0.5, 0.9, np.inf]), line) == 2.0
    assert first_stop(distance, np.full(4, np.inf), np.full(4, np.inf)) == 1.0
    assert math.isnan(first_stop(distance[:1], line[:1], line[:1]))


def test_breakdown_has_the_interval_of_its_median_over_seeds(make_row):
    """Seed s stops to win at its planted distance: there its straight curve crosses 1."""
    rng = np.random.default_rng(11)
    planted = rng.uniform(1.2, 3.8, 9)
    rows = []
    for seed, stop in enumerate(planted):
        for at in (0.5, 1.0, 4.0):
            rows.append(make_row("x", "m", seed, "nmse_by_distance", 1 + (at - stop) / 10, at))
            rows.append(make_row("x", "ols_on_actions", seed, "nmse_by_distance", 1.0, at))
    few, many = (
        breakdowns(pd.DataFrame([row for row in rows if row["seed"] < seeds])).loc["m"]
        for seeds in (5, 9)
    )
    ordered = np.sort(planted)
    columns = ["breakdown_ols", "breakdown_ols_low", "breakdown_ols_high"]
    # of 9 values the 2nd and the 8th: P(Binomial(9, 1/2) <= 1) = 10 / 512
    assert many[columns].to_numpy(float) == pytest.approx([ordered[4], ordered[1], ordered[7]])
    assert few["breakdown_ols"] == pytest.approx(np.median(planted[:5]))
    assert np.isnan(few[columns[1:]].to_numpy(float)).all()


def test_many_distances_are_joined_and_none_across_the_edge():
    rng = np.random.default_rng(12)
    distances = np.concatenate([rng.uniform(0, 1, 60), rng.uniform(1.01, 3, 90), [1.0]])
    middles = joined(distances)
    assert len(np.unique(middles)) <= 20
    assert ((middles > 1) == (distances > 1)).all()
    for middle in np.unique(middles):
        assert middle == pytest.approx(distances[middles == middle].mean())
    assert np.abs(middles - distances).max() <= max(1 / 5, 2 / 15)


@pytest.mark.parametrize("seeds", [1, 4, 12, 20])
def test_many_signed_rank_tests_are_each_its_own(seeds):
    rng = np.random.default_rng(seeds)
    rows = [np.round(rng.normal(size=seeds), digits) for digits in (12, 12, 1, 1, 12)]
    rows[4][0] = 0.0
    assert signed_rank_ps(rows) == [signed_rank_p(row) for row in rows]
