"""One interface test over every contender that runs here: right values and gradients."""

import math

import pytest

from rep4ex_bench.installed import missing_package
from rep4ex_bench.speed.call_pool import CallPool
from rep4ex_bench.speed.contender import (
    CONTENDERS,
    UnsupportedWorkloadError,
)
from rep4ex_bench.speed.contenders import ours
from rep4ex_bench.speed.measure import first_call
from rep4ex_bench.speed.outputs import judge
from rep4ex_bench.speed.workload import FORWARD, make_workload

SHAPES = [
    *(make_workload(op, 70, 2, 3) for op in ("residualize", "mmr_penalty", "invariance_penalty")),
    make_workload("mmd2", 70, d=3),
    make_workload("mmd2", 40, d=3, batch=2, bandwidths=(1.0, 2.5)),
    make_workload("energy_distance", 70, d=3),
    make_workload("hsic", 70, 2, 3),
    *(
        make_workload(op, 40, 2, 3, batch=2)
        for op in ("residualize", "mmr_penalty", "invariance_penalty", "hsic")
    ),
    *(
        make_workload(op, 40, k, 3, direction=FORWARD)
        for op, k in (
            ("residualize", 2), ("mmr_penalty", 2), ("invariance_penalty", 2), ("mmd2", 0),
            ("energy_distance", 0), ("hsic", 2),
        )
    ),
    make_workload("mmr_penalty", 40, 2, 3, dtype="float64"),
    make_workload("hsic", 40, 2, 3, dtype="float64"),
]  # fmt: skip


@pytest.mark.parametrize("name", CONTENDERS.names())
def test_contenders_agree_with_the_reference(name):
    contender = CONTENDERS.get(name)()
    if reason := missing_package(type(contender)):
        pytest.skip(reason)
    if contender.compiles_for_long:
        pytest.skip("compiles for long")
    offered = [shape for shape in SHAPES if contender.unsupported(shape) is None]
    assert offered or contender.devices == ("cuda",)
    for shape in offered:
        pool = CallPool(shape, 1)
        seconds, consumed = first_call(shape, contender, pool)
        verdict = judge(shape, consumed, pool.expected("check", 0))
        assert not verdict.wrong, shape.label
        assert seconds > 0
        assert math.isnan(verdict.gradient_error) == (shape.direction == FORWARD)


def test_the_factorised_penalty_is_refused_where_there_is_no_rank(monkeypatch):
    monkeypatch.setattr(ours, "_MOST_RANK", 50)
    workload = make_workload("invariance_penalty", 200, 16, 2, bandwidths=(0.1,))
    pool = CallPool(workload, 0)
    with pytest.raises(UnsupportedWorkloadError, match="no low rank"):
        ours.Rep4ExFactorised().prepare(workload, *pool.constants)
