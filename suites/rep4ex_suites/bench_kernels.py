"""The kernels' workloads and contenders under pytest-benchmark, with its own options.

    pytest suites/rep4ex_suites/bench_kernels.py --benchmark-histogram
    pytest suites/rep4ex_suites/bench_kernels.py -k "hsic and naive" --benchmark-save=before

The set of shapes is `quick`; REP4EX_BENCH_SHAPES names another. Contenders that compile for long
run where REP4EX_BENCH_ALL is set. Every call has inputs of its own and its outputs are consumed;
the first call and the last one are compared with the float64 reference.

`rep4ex-bench kernels` measures the same more carefully: interleaved, with floors, memory and
records. Its numbers come out here with OMP_NUM_THREADS=1, with MALLOC_MMAP_MAX_=0 and
MALLOC_TRIM_THRESHOLD_=100000000000 (else naive forms pay for page faults), and with
--benchmark-timer=time.process_time on a busy CPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from rep4ex_bench.installed import missing_package
from rep4ex_bench.speed.call_pool import CallPool
from rep4ex_bench.speed.clock import synchronise
from rep4ex_bench.speed.contender import (
    Contender,
    Step,
    UnsupportedWorkloadError,
)
from rep4ex_bench.speed.outputs import Consumed, consume, judge
from rep4ex_bench.speed.plan import load_contenders
from rep4ex_bench.speed.shapes import workloads
from rep4ex_bench.speed.workload import Workload

ROUNDS, WARM_UP_ROUNDS = 10, 2


def cases() -> Iterator[Any]:
    """Every workload with every contender that offers it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for workload in workloads(os.environ.get("REP4EX_BENCH_SHAPES", "quick"), device):
        for name, contender in load_contenders().items():
            if contender.unsupported(workload) is None:
                yield pytest.param(workload, contender, id=f"{workload.label}-{name}")


@pytest.mark.parametrize(("workload", "contender"), list(cases()))
def test_kernel(benchmark: BenchmarkFixture, workload: Workload, contender: Contender) -> None:
    """Time one contender at one workload, and judge it."""
    if reason := missing_package(type(contender)):
        pytest.skip(reason)
    if contender.compiles_for_long and "REP4EX_BENCH_ALL" not in os.environ:
        pytest.skip("compiles for long at its first call; set REP4EX_BENCH_ALL")
    benchmark.group = workload.label
    pool = _pool(workload)
    try:
        step = contender.prepare(workload, *pool.constants)
    except UnsupportedWorkloadError as error:
        pytest.skip(str(error))
    _judge(workload, pool, 0, _called(workload, step, *pool.inputs(0, 1)[0]))
    number = 0

    def fresh_inputs() -> tuple[tuple[Any, ...], dict[str, Any]]:
        nonlocal number
        number += 1
        return (workload, step, *pool.inputs(number, 1)[0]), {}

    last: Consumed = benchmark.pedantic(  # type: ignore[no-untyped-call]
        _called, setup=fresh_inputs, rounds=ROUNDS, warmup_rounds=WARM_UP_ROUNDS
    )
    _judge(workload, pool, number, last)


def _called(workload: Workload, step: Step, *inputs: torch.Tensor) -> Consumed:
    consumed = consume(step(*inputs))
    synchronise(workload.device)
    return consumed


def _judge(workload: Workload, pool: CallPool, number: int, consumed: Consumed) -> None:
    verdict = judge(workload, consumed, pool.expected(number, 0))
    assert not verdict.wrong, verdict.wrong


@cache
def _pool(workload: Workload) -> CallPool:
    return CallPool(workload, seed=0)
