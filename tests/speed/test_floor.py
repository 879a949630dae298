"""Floors against counts made by hand, and the rates they are divided by."""

import math
import os
import subprocess
import sys

import pytest
import torch

from rep4ex_bench.speed.floor import counts, floor_seconds
from rep4ex_bench.speed.rates import Rates, measure_rates
from rep4ex_bench.speed.workload import FORWARD, make_workload

# one unit of anything takes a second, and bytes nothing
ONE = Rates(1.0, 1.0, 1.0, math.inf, math.inf)


@pytest.mark.parametrize(
    ("workload", "seconds"),
    [
        # 55 pairs: 55 exponentials, 55 * 2 * 3 for the distances, 2 * 4 * 100 for K r
        (make_workload("mmr_penalty", 10, 3, 4), 55 + 330 + 800),
        # K r from one half of the pairs is enough for the value: 2 * 4 * 55
        (make_workload("mmr_penalty", 10, 3, 4, direction=FORWARD), 55 + 330 + 440),
        # 55 + 55 + 100 pairs, 2 * 5 each; gradient 8 * 5 * 100
        (make_workload("mmd2", 10, d=5), 210 + 2100 + 4000),
        (make_workload("mmd2", 10, d=5, bandwidths=(1.0, 2.0, 4.0)), 210 + 2100 + 4000),
        (make_workload("mmd2", 10, d=5, bandwidths=(1.0, 2.0, 5.0)), 630 + 2100 + 4000),
        (make_workload("energy_distance", 10, d=5, direction=FORWARD), 210 + 2100),
        # two kernels of 55; distances 2 * 7 * 55; gradient 2 * 7 * 100
        (make_workload("hsic", 10, 3, 4), 110 + 770 + 1400),
        (make_workload("hsic", 10, 3, 4, batch=6), 6 * (110 + 770 + 1400)),
        # 10 * 4^2, two projections of 4 * 10 * 4 * 5
        (make_workload("residualize", 10, 3, 5), 160 + 1600),
        (make_workload("invariance_penalty", 10, 3, 4), 0),
    ],
    ids=lambda value: getattr(value, "label", ""),
)
def test_counts_by_hand(workload, seconds):
    assert floor_seconds(workload, ONE) == seconds


def test_bytes_are_inputs_and_outputs():
    assert counts(make_workload("invariance_penalty", 10, 3, 4)).bytes == 10 * (4 + 4) * 4
    assert counts(make_workload("mmr_penalty", 10, 3, 4, dtype="float64")).bytes == 10 * 11 * 8
    assert counts(make_workload("mmd2", 10, d=5, direction=FORWARD)).bytes == 10 * 10 * 4
    assert counts(make_workload("residualize", 10, 3, 5)).bytes == 10 * (3 + 4 * 5) * 4


def test_large_inputs_are_read_from_memory():
    rates = Rates(math.inf, math.inf, math.inf, 1.0, 2.0)
    small = make_workload("invariance_penalty", 1000, 1, 2)
    large = make_workload("invariance_penalty", 10_000_000, 1, 2)
    assert floor_seconds(small, rates) == counts(small).bytes / 2
    assert floor_seconds(large, rates) == counts(large).bytes


def test_a_gpu_does_its_parts_at_the_same_time():
    on_gpu = make_workload("mmr_penalty", 10, 3, 4, device="cuda")
    assert floor_seconds(on_gpu, ONE) == 330 + 800


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rates_are_rates(dtype):
    rates = measure_rates("cpu", dtype)
    for rate in vars(rates).values():
        assert math.isfinite(rate)
        assert rate > 1e6  # a machine that is slower than this does not run torch


TRITON_RATES = """
import torch
from rep4ex_bench.speed import rates_triton
rates_triton._REPEATS, rates_triton._COPIES = 3, 2
tile = torch.empty(rates_triton._BLOCK)
for name in ("exp2", "rsqrt"):
    run, x, out = rates_triton.prepared(name, tile)
    assert run() == 3 * 2
    expected = x.double()
    for _ in range(3):
        expected = (-expected).exp2() if name == "exp2" else (expected + 1).rsqrt()
    torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=0)
print("right")
"""


def test_triton_rates_compute_what_they_say():
    """In the interpreter: no GPU is here."""
    pytest.importorskip("triton")
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TRITON_RATES],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "right", done.stderr


def test_compiled_rates_compute_what_they_say():
    rates_numba = pytest.importorskip("rep4ex_bench.speed.rates_numba")
    x = -20 * torch.rand(1000)
    assert rates_numba.exp2(x.numpy()) == pytest.approx(float(x.double().exp2().sum()), rel=1e-5)
    assert rates_numba.rsqrt(x.numpy()) == pytest.approx(
        float((-x).double().rsqrt().sum()), rel=1e-4
    )
