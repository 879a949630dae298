"""Estimates: every launch is a case of the offline gate, and pairs are counted by hand."""

import pytest

pytest.importorskip("triton")

from rep4ex_bench.speed import estimates
from rep4ex_bench.speed.protocol import PROTOCOLS
from rep4ex_bench.speed.rows import RunFacts
from rep4ex_bench.speed.shapes import SHAPES, workloads
from rep4ex_bench.speed.workload import make_workload
from rep4ex_kernels.offline.cases import all_cases


@pytest.mark.parametrize("target", estimates.TARGETS)
def test_every_launch_is_a_case_of_the_gate(target):
    names = [case.name for case in all_cases(target)]
    for shapes in SHAPES:
        for workload in workloads(shapes, "cuda"):
            for name, _ in estimates._launches(workload):
                assert names.count(name) == 1, (workload.label, name)


@pytest.mark.parametrize(
    ("workload", "pairs"),
    [
        (make_workload("mmr_penalty", 1000, 4, 8), 1000**2),
        (make_workload("mmr_penalty", 1000, 4, 130), 3 * 1000**2),
        (make_workload("mmd2", 1000, d=64), 2 * 2000**2),  # 65 columns of weights
        (make_workload("energy_distance", 1000, d=3, batch=7), 7 * 2000**2),
        (make_workload("hsic", 1000, 3, 32), 3 * 1000**2),  # row sums, 33 columns of weights
    ],
    ids=lambda value: getattr(value, "op", ""),
)
def test_pairs_by_hand(workload, pairs, monkeypatch):
    monkeypatch.setattr(estimates, "_picoseconds", lambda name, target: 1e3)
    assert estimates.estimated_seconds(workload, "sm_90") == pytest.approx(pairs * 1e-9)


def test_rows_say_that_they_are_estimates(monkeypatch):
    monkeypatch.setattr(estimates, "_picoseconds", lambda name, target: 1.0)
    facts = RunFacts(0, 1, PROTOCOLS["quick"])
    work = [
        make_workload("hsic", 8192, 4, 8),
        make_workload("hsic", 256, 4, 8),  # shorter than a launch
        make_workload("hsic", 8192, 4, 8, dtype="float64"),
        make_workload("residualize", 8192, 4, 8),
    ]
    (row,) = estimates.estimate_records(work, "sm_90", facts)
    assert row.scenario_label.endswith(" cuda sm_90 (estimate)")
    assert (row.role, row.method, row.metric) == ("control", "static_estimate", "estimated_seconds")
    assert row.value == pytest.approx(2 * 8192**2 * 1e-12)
