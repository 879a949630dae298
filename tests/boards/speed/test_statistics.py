"""Speed tables from made-up records: planted times come out, noise is not called a difference."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rep4ex_bench.boards.intervals import median_interval, median_range
from rep4ex_bench.boards.speed.behind import behind
from rep4ex_bench.boards.speed.noise import drifts
from rep4ex_bench.boards.speed.overview import overview
from rep4ex_bench.boards.speed.page import render_speed_board
from rep4ex_bench.boards.speed.ranks import ranks, tells_apart
from rep4ex_bench.boards.speed.scaling import growth, scaling_table
from rep4ex_bench.boards.speed.summary import speed_table, summarise
from rep4ex_bench.boards.speed.words import calibration_text
from rep4ex_bench.errors import RecordsError
from rep4ex_bench.records.records import records_table
from rep4ex_bench.speed.ops import reasons
from rep4ex_bench.speed.rates import Rates

sys.path.insert(0, str(Path(__file__).parent))
from made_up import (
    HOSTILE,
    NOT_INSTALLED,
    SIZES,
    not_timed,
    speed_record,
    speed_records,
    timed,
    workload_fields,
)


@pytest.fixture(scope="module")
def records():
    return speed_records()


@pytest.fixture(scope="module")
def table(records):
    return speed_table(records)


def of(table, op, n, contender):
    rows = table[table["workload"].str.startswith(f"{op} n={n} ")]
    (row,) = rows[rows["contender"] == contender].to_dict("records")
    return row


def rounds_of(records, op, n, contender, metric="process_seconds"):
    rows = records[records["scenario_label"].str.startswith(f"{op} n={n} ")]
    return rows[(rows["method"] == contender) & (rows["metric"] == metric)]["value"].to_numpy()


def test_times_are_those_of_the_rounds(records, table):
    row = of(table, "mmr_penalty", 4096, "rep4ex_torch")
    own = rounds_of(records, "mmr_penalty", 4096, "rep4ex_torch")
    naive = rounds_of(records, "mmr_penalty", 4096, "naive_torch")
    assert row["seconds"] == np.median(own)
    assert (row["seconds_low"], row["seconds_high"]) == tuple(np.quantile(own, [0.2, 0.8]))
    assert row["speedup"] == np.median(naive / own)
    assert row["speedup_low"] < 25 < row["speedup_high"]  # as planted
    assert row["over_floor"] == pytest.approx(np.median(own) / (0.3e-9 * 4096**2))
    assert row["ns_per_pair"] == pytest.approx(1e9 * np.median(own) / 4096**2)
    assert row["wall_seconds"] == pytest.approx(1.1 * np.median(own))
    assert row["peak_extra_bytes"] == 100.0 * 4096


def test_equal_contenders_share_a_rank_and_others_do_not(table):
    for name in ("rep4ex_torch", "rep4ex_auto"):
        assert (of(table, "mmr_penalty", 4096, name)["rank"]) == 1
        assert of(table, "mmr_penalty", 4096, name)["shared"]
    for name, rank in ((HOSTILE, 3), ("naive_torch", 4), ("hyppo", 5)):
        row = of(table, "mmr_penalty", 4096, name)
        assert (row["rank"], row["shared"]) == (rank, False)
    factorised = of(table, "invariance_penalty", 4096, "rep4ex_factorised")
    assert (factorised["rank"], factorised["shared"]) == (1, False)


@pytest.mark.parametrize(
    ("contender", "n", "state"),
    [
        ("keops", 256, "skipped"),
        ("quick_but_wrong", 256, "wrong result"),
        ("hyppo", SIZES[-1], "out of memory"),
        ("rep4ex_factorised", 256, "missing"),
    ],
)
def test_what_was_not_measured_well_is_shown_and_never_ranked(table, contender, n, state):
    row = of(table, "mmr_penalty", n, contender)
    assert row["state"] == state
    assert row["message"]
    numbers = ("rank", "seconds", "speedup", "over_floor", "ns_per_pair", "wall_seconds")
    assert all(np.isnan(row[name]) for name in numbers)
    if contender == "keops":
        assert row["message"] == NOT_INSTALLED


def test_a_wrong_result_keeps_its_rounds_out_of_the_ranks():
    fields = workload_fields("hsic", 256)
    rows = timed(fields, "naive_torch", [2.0] * 7) + timed(fields, "fast", [0.1] * 7)
    rows.append(not_timed(fields, "fast", "failed", "wrong result: of the gradient"))
    found = speed_table(records_table(rows).to_pandas()).set_index("contender")
    assert found.loc["fast", "state"] == "wrong result"
    assert np.isnan(found.loc["fast", "rank"])
    assert found.loc["naive_torch", "rank"] == 1


def test_the_clock_is_wall_time_where_process_time_counts_several_threads():
    fields = workload_fields("hsic", 256)
    rows = [dataclasses.replace(r, threads=2) for r in timed(fields, "naive_torch", [2.0] * 7)]
    (row,) = speed_table(records_table(rows).to_pandas()).to_dict("records")
    assert row["seconds"] == pytest.approx(2.2)


def test_a_difference_below_the_resolution_is_no_difference():
    fast = pd.Series(np.full(11, 1.0))
    slow = pd.Series(np.full(11, 1.02))
    assert tells_apart(slow, fast, 1.01)
    assert not tells_apart(slow, fast, 1.05)
    assert not tells_apart(fast, slow, 1.01)
    assert ranks({"a": slow, "b": fast}, 1.05) == {"a": (1, True), "b": (1, True)}


def test_identical_contenders_are_seldom_told_apart():
    """Equal contenders on 300 workloads: not many more than the promised 5 % are separated."""
    rng = np.random.default_rng(7)
    apart = 0
    for _ in range(300):
        a, b = (pd.Series(rng.lognormal(0.0, 0.1, 11)) for _ in range(2))
        apart += tells_apart(a, b, 1.0) or tells_apart(b, a, 1.0)
    assert 0 < apart <= 0.08 * 300


@pytest.mark.parametrize("size", range(6, 21))
def test_the_interval_of_the_median_covers_it(size):
    """The share of 4000 samples is that of the closed form, which is at least 95 %."""
    rng = np.random.default_rng(size)
    samples = rng.exponential(size=(4000, size))
    held = [low < np.log(2) < high for low, high in map(median_interval, samples)]
    ordered = np.sort(samples[0])
    cut = int(np.flatnonzero(ordered == median_interval(samples[0])[0])[0])
    exact = 1 - 2 * stats.binom.cdf(cut, size, 0.5)
    assert exact >= 0.95
    assert abs(np.mean(held) - exact) <= 4 * np.sqrt(exact * (1 - exact) / 4000)


@pytest.mark.parametrize("size", range(6))
def test_too_few_values_have_no_interval_and_their_range_covers_less(size):
    rng = np.random.default_rng(size)
    samples = rng.exponential(size=(4000, size))
    assert np.isnan([median_interval(sample) for sample in samples]).all()
    ranges = np.array([median_range(sample) for sample in samples])
    if size:
        assert ranges.tolist() == np.stack([samples.min(1), samples.max(1)], axis=1).tolist()
        held = np.mean((ranges[:, 0] < np.log(2)) & (np.log(2) < ranges[:, 1]))
        assert held <= 0.95
        assert held == pytest.approx(1 - 2.0 ** (1 - size), abs=0.03)


def test_a_board_of_few_rounds_shows_no_interval():
    fields = workload_fields("hsic", 256)
    rng = np.random.default_rng(1)
    for rounds, words in ((5, True), (6, False)):
        rows = [
            row
            for name, factor in (("naive_torch", 4.0), ("rep4ex_auto", 1.0))
            for row in timed(fields, name, factor * rng.lognormal(0, 0.1, rounds))
        ]
        found = records_table(rows).to_pandas()
        (row,) = speed_table(found).query("contender == 'rep4ex_auto'").to_dict("records")
        assert np.isnan(row["speedup_low"]) == words
        assert row["rank"] == 1  # every round says so
        page = render_speed_board(found)
        assert ("needs 6 rounds" in page) == words
        assert ('class="reach"' in page) != words
        assert 'nan"' not in page


def test_drift_is_seen_and_quiet_runs_are_not_accused():
    drifting = summarise(speed_records(drift=0.3))
    assert drifting.drift["cpu"].alarm
    clocks = {"cpu": next(iter(drifting.workloads.values())).clock}
    noisy = [drifts(speed_records(seed, 0.1, rounds=5), clocks)["cpu"] for seed in range(30)]
    assert sum(drift.size > 1.05 for drift in noisy) > 10  # by chance, and told to be so
    assert sum(drift.alarm for drift in noisy) <= 2


def test_more_noise_resolves_less():
    quiet, loud = (
        speed_table(speed_records(noise=noise))["resolution"].median() for noise in (0.01, 0.1)
    )
    assert 1 < quiet < 1.03
    assert loud > 1.05


def test_growth_is_that_of_a_least_squares_line():
    n = np.array([256.0, 1024.0, 4096.0, 16384.0])
    seconds = 3e-9 * n**1.7 * np.array([1.05, 0.97, 1.02, 0.99])
    found = growth(n, seconds)
    slope, _ = np.polyfit(np.log(n), np.log(seconds), 1)
    assert found.exponent == pytest.approx(slope)
    assert found.low < 1.7 < found.high
    assert np.isnan(growth(n[:2], seconds[:2]).exponent)


def test_dense_passes_grow_with_the_square_and_the_factorised_one_linearly(records):
    found = scaling_table(summarise(records)).set_index("contender")
    dense = found.loc[["naive_torch", "rep4ex_torch", "rep4ex_auto"]]
    assert dense["time_exponent"].between(1.95, 2.05).all()
    assert found.loc["rep4ex_factorised", "time_exponent"] == pytest.approx(1, abs=0.05)
    assert found.loc["rep4ex_torch", "memory_exponent"].to_numpy() == pytest.approx([1, 1])
    assert found.loc["naive_torch", "memory_exponent"].to_numpy() == pytest.approx([2, 2])


def test_estimates_and_controls_are_no_contenders(records, table):
    summary = summarise(records)
    ((label, seconds),) = summary.estimates
    assert label.endswith("(estimate)")
    assert seconds == 1.3e-3
    assert not table["workload"].str.contains("estimate").any()
    contenders = {"floor", "drift_reference", "static_estimate", "calibration"}
    assert contenders.isdisjoint(table["contender"])


def test_the_overview_counts_every_workload_once(table):
    found = overview(table).set_index("contender")
    counts = found[["first", "shared_first", "not_first", "wrong", "others"]].sum(axis=1)
    assert (counts == table["workload"].nunique()).all()
    assert found.loc["quick_but_wrong", "wrong"] == table["workload"].nunique()
    assert found.loc["rep4ex_factorised", "behind"] >= 1
    assert found.loc["naive_torch", "behind"] > 20


def test_every_rate_has_a_name_in_words():
    for field in dataclasses.fields(Rates):
        assert calibration_text(field.name) != field.name


def test_accuracy_records_have_no_speed_board():
    rows = records_table([speed_record(scenario_label="linear_action")]).to_pandas()
    with pytest.raises(RecordsError, match="scenario_parameters must be JSON with op"):
        speed_table(rows)


def test_workloads_that_ours_does_not_lead_are_told():
    quick, slow = np.full(9, 1.0) + np.arange(9) * 1e-4, np.full(9, 2.5) + np.arange(9) * 1e-4
    found = []
    for op, ours in (("residualize", slow), ("hsic", quick)):
        fields = workload_fields(op, 256)
        other = slow if ours is quick else quick
        for name, seconds in (("naive_torch", slow), ("qr", other), ("rep4ex_auto", ours)):
            found += timed(fields, name, seconds)
    (row,) = behind(speed_table(records_table(found).to_pandas()), reasons())
    assert row["workload"].startswith("residualize")
    assert (row["first"], row["ours"]) == ("qr", "rep4ex_auto")
    assert row["ratio"] == pytest.approx(2.5, rel=1e-3)
    assert "float64" in row["reason"]
    fields = workload_fields("energy_distance", 256, direction="forward")
    found = [*timed(fields, "torch_compile", quick), *timed(fields, "rep4ex_auto", slow)]
    (row,) = behind(speed_table(records_table(found).to_pandas()))
    assert "whether they are asked for or not" in row["reason"]
