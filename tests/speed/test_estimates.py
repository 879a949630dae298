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
def test_launches_are_cases_of_the_gate(target):
    names = [case.name for case in all_cases(target)]
    known = set()
    for shapes in SHAPES:
        for workload in workloads(shapes, "cuda"):
            for name, _ in workload.spec.launches(workload):
                assert names.count(name) <= 1, (workload.label, name)
                if name in names:
                    known.add(workload.op)
    assert known == {"mmr_penalty", "mmd2", "energy_distance"}


def test_a_shape_without_a_case_has_no_estimate(monkeypatch):
    monkeypatch.setattr(estimates, "_case", lambda name, target: None)
    assert estimates.estimated_seconds(make_workload("mmr_penalty", 8192, 4, 8), "sm_90") is None


@pytest.mark.parametrize(
    ("workload", "pairs"),
    [
        (make_workload("mmr_penalty", 1000, 4, 8), 1000**2),
        (make_workload("mmr_penalty", 1000, 4, 130), 5 * 1000**2),
        (make_workload("mmr_penalty", 1000, 40, 32), 2 * 1000**2),  # 16 columns a chunk
        (make_workload("mmd2", 1000, d=64), 3 * 2000**2),  # 65 columns of weights
        (make_workload("energy_distance", 1000, d=3, batch=7), 7 * 2000**2),
    ],
    ids=lambda value: getattr(value, "op", ""),
)
def test_pairs_by_hand(workload, pairs, monkeypatch):
    monkeypatch.setattr(estimates, "_picoseconds", lambda name, target: 1e3)
    monkeypatch.setattr(estimates, "_case", lambda name, target: name)
    assert estimates.estimated_seconds(workload, "sm_90") == pytest.approx(pairs * 1e-9)


def test_rows_say_that_they_are_estimates(monkeypatch):
    monkeypatch.setattr(estimates, "_picoseconds", lambda name, target: 1.0)
    monkeypatch.setattr(estimates, "_case", lambda name, target: name)
    facts = RunFacts(0, 1, PROTOCOLS["quick"])
    work = [
        make_workload("mmr_penalty", 8192, 4, 8),
        make_workload("mmr_penalty", 256, 4, 8),  # shorter than a launch
        make_workload("mmr_penalty", 8192, 4, 8, dtype="float64"),
        make_workload("residualize", 8192, 4, 8),
    ]
    (row,) = estimates.estimate_records(work, "sm_90", facts)
    assert row.scenario_label.endswith(" cuda sm_90 (estimate)")
    assert (row.role, row.method, row.metric) == ("control", "static_estimate", "estimated_seconds")
    assert row.value == pytest.approx(8192**2 * 1e-12)
