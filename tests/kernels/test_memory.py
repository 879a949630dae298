"""No op keeps an n x n matrix: peak memory in a process of its own, with a dense one as control."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

N = 8192
MATRIX = 4 * N * N  # bytes of one n x n matrix in float32

OPS = {
    "mmr": "rep4ex_kernels.mmr_penalty(x, a, 1.0, backend=backend)",
    "mmd": "rep4ex_kernels.mmd2(x, y, bandwidths=[0.5, 1.0, 2.0], backend=backend)",
    "energy": "rep4ex_kernels.energy_distance(x, y, backend=backend)",
    "hsic": "rep4ex_kernels.hsic(x, a, 1.0, 1.0, backend=backend)",
    "residualize": "rep4ex_kernels.residualize(x, a)[0].square().sum()",
    "invariance": "fitted[n](x)",
}
SCRIPT = """
import sys, torch, rep4ex_kernels
from pathlib import Path

def high_water():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

def inputs(n):
    g = torch.Generator().manual_seed(0)
    return (torch.randn(n, columns, generator=g) for columns in (8, 8, 2))

# What is fitted once is not part of a step.
fitted = {{n: rep4ex_kernels.InvariancePenalty.fit(list(inputs(n))[2]) for n in (64, {n})}}

def run(n, backend):
    x, y, a = inputs(n)
    x.requires_grad_()
    {call}.backward()

run(64, "{backend}")  # imports and library buffers
before = high_water()
run({n}, "{backend}")
print(high_water() - before)
"""

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"
)


def peak(call, backend, n=N):
    script = SCRIPT.format(call=call, backend=backend, n=n)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@needs_proc
@pytest.mark.parametrize("op", ["residualize", "invariance"])
def test_peak_memory_is_far_below_one_matrix(op):
    assert peak(OPS[op], "torch") < MATRIX / 4


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("op", ["mmr", "mmd", "energy", "hsic"])
def test_peak_memory_of_many_rows(op, backend):
    if backend == "numba":
        pytest.importorskip("numba")
    assert peak(OPS[op], backend, 12288) < 32e6  # a matrix has 604 MB


@needs_proc
def test_the_dense_reference_is_seen_to_keep_one():
    n = 2048  # float64: half of MATRIX / 8 a matrix, and it holds several
    assert peak(OPS["mmr"], "reference", n) > 8 * n * n
