"""`compare`: planted changes are found, noise is not called a regression, bad runs are refused."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner
from scipy import stats

from rep4ex_bench.cli.main import cli
from rep4ex_bench.comparison.change import Change, judged
from rep4ex_bench.comparison.compare import compare_runs
from rep4ex_bench.comparison.rounds import rank_test, ratio_interval
from rep4ex_bench.errors import UsageError
from rep4ex_bench.records.records import read_records_table, records_table, write_table

sys.path.insert(0, str(Path(__file__).parent.parent / "boards" / "speed"))
from made_up import control, not_timed, speed_record, timed, workload_fields

OPS = ("mmr_penalty", "hsic", "energy_distance")
CONTENDERS = ("naive_torch", "rep4ex_auto", "rep4ex_torch", "keops")
ROUNDS = 11


def kernels_run(path, seed, slower=(), slowdown=1.0, wrong=(), machine=1.0, **fields):
    """Write a run of kernels with 3 % noise; `slower` names contenders, `wrong` likewise."""
    rng = np.random.default_rng(seed)
    found = []
    for op in OPS:
        own = workload_fields(op, 1024) | fields
        for place, name in enumerate(CONTENDERS):
            if name in wrong:
                found.append(not_timed(own, name, "failed", "wrong result: relative error 3e-2"))
                continue
            factor = machine * (slowdown if name in slower else 1.0) * (1 + place)
            found += timed(own, name, 1e-3 * factor * np.exp(rng.normal(0, 0.03, ROUNDS)))
    found += reference_kernel(machine * 1e-3 * np.exp(rng.normal(0, 0.03, 30)), **fields)
    write_table(records_table(found), path)
    return path


def reference_kernel(seconds, **fields):
    own = {"scenario": "", "method": "drift_reference", "method_label": "drift_reference"} | fields
    return [
        speed_record(**own, role="control", metric="process_seconds", at=float(at), value=float(s))
        for at, s in enumerate(seconds)
    ]


def accuracy_run(path, errors, seconds=2.0, failed=()):
    """Write a run of a suite: errors {method: (seeds,)}."""
    rows = []
    for method, values in errors.items():
        for seed, value in enumerate(values):
            bad = (method, seed) in failed
            rows.append(
                speed_record(
                    suite="smoke",
                    scenario="linear_action",
                    scenario_label="easy",
                    method=method,
                    seed=seed,
                    cell_key=f"{method}{seed}",
                    metric="" if bad else "nmse_outside",
                    value=math.nan if bad else float(value),
                    status="failed" if bad else "ok",
                    fit_seconds=seconds,
                    predict_seconds=0.1,
                    process_seconds=seconds,
                )
            )
    write_table(records_table(rows), path)
    return path


@pytest.fixture
def baseline(tmp_path):
    return kernels_run(tmp_path / "a.parquet", 0)


def test_a_planted_slowdown_is_a_regression_and_nothing_else_is(baseline, tmp_path):
    b = kernels_run(tmp_path / "b.parquet", 1, slower=["rep4ex_auto"], slowdown=1.3)
    found = compare_runs(baseline, b)
    assert {(c.name, c.verdict) for c in found.changes if c.verdict != "no change"} == {
        ("rep4ex_auto", "regression")
    }
    assert len(found.regressions) == len(OPS)
    assert all(c.low <= 1.3 <= c.high or abs(c.ratio - 1.3) < 0.05 for c in found.regressions)
    back = compare_runs(b, baseline)
    assert not back.regressions
    assert sum(c.verdict == "improvement" for c in back.changes) == len(OPS)


def test_runs_of_the_same_code_seldom_raise_an_alarm(tmp_path):
    alarms = 0
    for seed in range(10):
        a = kernels_run(tmp_path / "a.parquet", 2 * seed + 10)
        b = kernels_run(tmp_path / "b.parquet", 2 * seed + 11)
        alarms += bool(compare_runs(a, b, least=1.0).regressions)
    # at most 5 % of families: 4 or more of 10 would happen once in a thousand such tests
    assert alarms <= 3


def test_the_interval_of_a_ratio_covers_it():
    rng = np.random.default_rng(3)
    covered, p_values = 0, []
    for _ in range(400):
        a, b = (np.exp(rng.normal(m, 0.1, ROUNDS)) for m in (0.0, 0.2))
        _, low, high = ratio_interval(a, b)
        covered += low <= math.exp(0.2) <= high
        p_values.append(rank_test(a, np.exp(rng.normal(0, 0.1, ROUNDS))))
    assert 0.92 <= covered / 400 <= 0.98
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_what_the_machine_explains_is_no_regression(baseline, tmp_path):
    b = kernels_run(tmp_path / "b.parquet", 1, machine=1.2)
    found = compare_runs(baseline, b)
    assert not found.regressions
    assert "times as long in run B" in found.notes[0]
    # a slow machine hides no slowdown of a contender, and a fast one does not make up for it
    for machine in (1.2, 0.9):
        b = kernels_run(
            tmp_path / "b.parquet", 1, slower=["rep4ex_auto"], slowdown=1.5, machine=machine
        )
        assert {c.name for c in compare_runs(baseline, b).regressions} == {"rep4ex_auto"}


def test_seconds_alone_prove_nothing(baseline, tmp_path):
    """Without the reference kernel in both runs a slowdown may be the machine's."""
    b = kernels_run(tmp_path / "b.parquet", 1, slower=["rep4ex_auto"], slowdown=3.0)
    records = read_records_table(b)
    alone = records.filter(pc.field("method") != "drift_reference")
    write_table(alone, tmp_path / "c.parquet")
    assert compare_runs(baseline, b).regressions
    found = compare_runs(baseline, tmp_path / "c.parquet")
    assert {change.verdict for change in found.changes} == {"not compared"}
    assert all("seconds do not tell" in change.note for change in found.changes)
    assert any(change.ratio > 2.5 for change in found.changes)


def test_a_gpu_is_compared_by_the_wall_clock(tmp_path):
    """Process time says nothing about a GPU: it changed nine times, the wall clock did not."""

    def on_gpu(name, process, factor):
        rng, own = np.random.default_rng(len(name)), workload_fields("hsic", 512, device="cuda")
        found = timed(own, "naive_torch", factor * 1e-3 * np.exp(rng.normal(0, 0.03, ROUNDS)))
        for at in range(30):
            values = {"process_seconds": process, "wall_seconds": 1 + 0.01 * rng.normal()}
            found += [control(own, "drift_reference", m, v, float(at)) for m, v in values.items()]
        write_table(records_table(found), tmp_path / name)
        return tmp_path / name

    a, b = on_gpu("a.parquet", 1.0, 1.0), on_gpu("bb.parquet", 9.0, 2.0)
    found = compare_runs(a, b)
    assert [change.name for change in found.regressions] == ["naive_torch"]
    assert "took 1" in found.notes[0] or "took 0.9" in found.notes[0]


def test_a_small_difference_counts_only_if_it_is_asked_for(baseline, tmp_path):
    b = kernels_run(tmp_path / "b.parquet", 1, slower=["keops"], slowdown=1.12)
    assert compare_runs(baseline, b, least=1.2).regressions == []
    assert {c.name for c in compare_runs(baseline, b).regressions} == {"keops"}


def test_a_result_that_became_wrong_is_a_regression_at_any_speed(baseline, tmp_path):
    b = kernels_run(tmp_path / "b.parquet", 1, wrong=["rep4ex_torch"])
    found = compare_runs(baseline, b)
    assert {(c.name, c.note) for c in found.regressions} == {
        ("rep4ex_torch", "ok, then wrong result")
    }
    assert not compare_runs(b, baseline).regressions


def test_other_machines_and_other_suites_are_refused(baseline, tmp_path):
    b = kernels_run(tmp_path / "b.parquet", 1, hardware="another processor")
    with pytest.raises(UsageError, match="cannot be compared"):
        compare_runs(baseline, b)
    assert compare_runs(baseline, b, across_machines=True).changes
    smoke = accuracy_run(tmp_path / "c.parquet", {"pca": np.ones(3)})
    with pytest.raises(UsageError, match="only runs of one suite"):
        compare_runs(baseline, smoke)
    with pytest.raises(UsageError, match="'nobody' is in neither run"):
        compare_runs(baseline, baseline, names=("nobody",))
    with pytest.raises(UsageError, match="at least 1"):
        compare_runs(baseline, baseline, least=0.5)


def test_a_contender_of_one_run_only_is_told_and_no_regression(baseline, tmp_path):
    rows = [row for row in OPS if row != "hsic"]
    found = []
    for op in rows:
        own = workload_fields(op, 1024)
        for name in CONTENDERS[:3]:
            found += timed(own, name, np.full(ROUNDS, 1e-3) + np.arange(ROUNDS) * 1e-6)
    found += reference_kernel(np.full(30, 1e-3))
    write_table(records_table(found), tmp_path / "b.parquet")
    apart = [
        c
        for c in compare_runs(baseline, tmp_path / "b.parquet").changes
        if c.verdict == "not compared"
    ]
    assert {c.note for c in apart} == {"only in run A", "ok, then missing"}


def test_errors_are_paired_by_seed(tmp_path):
    rng = np.random.default_rng(0)
    level = np.exp(rng.normal(-2, 1, 12))  # seeds differ far more than the methods changed
    a = accuracy_run(tmp_path / "a.parquet", {"rep4ex": level, "pca": level})
    b = accuracy_run(tmp_path / "b.parquet", {"rep4ex": level * 1.2, "pca": level})
    found = compare_runs(a, b)
    (worse,) = found.regressions
    assert (worse.name, worse.quantity) == ("rep4ex", "nmse_outside")
    assert worse.ratio == pytest.approx(1.2)
    expected = stats.wilcoxon(np.log(1.2) * np.ones(12)).pvalue
    tested = sum(not math.isnan(c.p) for c in found.changes)
    assert worse.p == pytest.approx(min(1, expected * tested))


def test_few_seeds_decide_nothing_and_say_so(tmp_path):
    """Errors fell 37-fold: with 3 seeds that is no change that could be told from chance."""
    a = accuracy_run(tmp_path / "a.parquet", {"rep4ex": 37 * np.ones(3), "pca": np.ones(3)})
    b = accuracy_run(tmp_path / "b.parquet", {"rep4ex": np.ones(3), "pca": np.ones(3)})
    found = compare_runs(a, b)
    assert not found.regressions
    (open_,) = found.undecidable
    assert (open_.name, open_.quantity) == ("rep4ex", "nmse_outside")
    assert math.isnan(open_.low)
    tests = sum(not math.isnan(change.p) for change in found.changes)
    assert open_.note.startswith(f"undecidable with 3 seeds and {tests} comparisons; ")
    needed = int(open_.note.removesuffix(" could decide").split()[-1])
    # the exact test of as many seeds on one side, by another library
    least = [stats.wilcoxon(np.arange(1.0, n + 1)).pvalue * tests for n in (needed - 1, needed)]
    assert least[1] <= 0.05 < least[0]
    told = CliRunner().invoke(cli, ["compare", str(a), str(b)], env={"COLUMNS": "200"})
    assert told.exit_code == 3
    assert f"1 {open_.note}." in told.output
    assert "1 undecidable" in told.output
    assert CliRunner().invoke(cli, ["compare", str(a), str(a)]).exit_code == 0  # identical


def test_what_is_said_to_decide_does(tmp_path):
    rng = np.random.default_rng(3)

    def runs(seeds):
        before = np.exp(rng.normal(size=seeds))
        a = accuracy_run(tmp_path / "a.parquet", {"rep4ex": 37 * before})
        return a, accuracy_run(tmp_path / "b.parquet", {"rep4ex": before * rng.uniform(0.9, 1)})

    (open_,) = compare_runs(*runs(3)).undecidable
    needed = int(open_.note.removesuffix(" could decide").split()[-1])
    found = compare_runs(*runs(needed))
    assert [c.verdict for c in found.changes if c.quantity == "nmse_outside"] == ["improvement"]
    assert found.exit_status == 0


@pytest.mark.parametrize("rounds", [3, 5, 11])
def test_few_rounds_decide_nothing_and_say_so(tmp_path, monkeypatch, rounds):
    monkeypatch.setitem(kernels_run.__globals__, "ROUNDS", rounds)
    a = kernels_run(tmp_path / "a.parquet", 0)
    b = kernels_run(tmp_path / "b.parquet", 1)
    found = compare_runs(a, b)
    tests = len(OPS) * len(CONTENDERS)
    best = stats.mannwhitneyu(np.arange(rounds), np.arange(rounds) + 100.0).pvalue
    if best * tests > 0.05:
        assert len(found.undecidable) == tests
        assert f"undecidable with {rounds} rounds" in found.undecidable[0].note
        assert found.exit_status == 3
        needed = int(found.undecidable[0].note.removesuffix(" could decide").split()[-1])
        p = stats.mannwhitneyu(np.arange(needed), np.arange(needed) + 100.0, method="exact").pvalue
        assert p * tests <= 0.05
    else:
        assert not found.undecidable
        assert found.exit_status == 0
    assert all(math.isnan(change.low) == (rounds < 4) for change in found.changes)


def test_a_cell_that_fails_now_is_a_regression(tmp_path):
    a = accuracy_run(tmp_path / "a.parquet", {"rep4ex": np.ones(4)})
    b = accuracy_run(tmp_path / "b.parquet", {"rep4ex": np.ones(4)}, failed=[("rep4ex", 2)])
    (worse,) = compare_runs(a, b).regressions
    assert (worse.quantity, worse.before, worse.after) == ("failed cells", 0, 1)
    assert worse.note == "seeds [2]"


def test_the_correction_is_that_of_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = [0.001, 0.2, 0.012, 0.04, 0.5]
    made = judged(
        [Change(str(i), "x", "s", ratio=2.0, own=2.0, p=value) for i, value in enumerate(p)]
    )
    expected = multitest.multipletests(p, method="holm")[1]
    assert {c.place: round(c.p, 12) for c in made} == {
        str(i): round(float(value), 12) for i, value in enumerate(expected)
    }


def test_the_command_exits_as_ci_needs_it(baseline, tmp_path):
    b = kernels_run(tmp_path / "b.parquet", 1, slower=["rep4ex_auto"], slowdown=1.5)
    runner = CliRunner()
    same = runner.invoke(cli, ["compare", str(baseline), str(baseline)])
    assert same.exit_code == 0
    assert "no change" in same.output
    worse = runner.invoke(cli, ["compare", str(baseline), str(b)])
    assert worse.exit_code == 1
    assert "regression" in worse.output
    told = runner.invoke(cli, ["compare", str(baseline), str(b), "--json", "--only", "keops"])
    assert told.exit_code == 0
    assert json.loads(told.output)["regressions"] == 0
