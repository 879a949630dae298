"""No op keeps an n x n matrix: peak memory in a process of its own, with a dense one as control."""

import json
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
# Every case is a fork of a process that has the imports behind it.
SCRIPT = """
import json, os, sys, torch, rep4ex_kernels
from pathlib import Path

def high_water():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024

def inputs(n):
    g = torch.Generator().manual_seed(0)
    return (torch.randn(n, columns, generator=g) for columns in (8, 8, 2))

def run(call, n, backend):
    x, y, a = inputs(n)
    x.requires_grad_()
    names = {"rep4ex_kernels": rep4ex_kernels, "fitted": fitted, "n": n, "backend": backend}
    eval(call, names | {"x": x, "y": y, "a": a}).backward()

for call, backend, n in json.loads(sys.argv[1]):
    if os.fork():
        if os.wait()[1]:
            sys.exit(1)
        continue
    # What is fitted once is not part of a step.
    fitted = {m: rep4ex_kernels.InvariancePenalty.fit(list(inputs(m))[2]) for m in (64, n)}
    run(call, 64, backend)  # library buffers, and what is compiled
    before = high_water()
    run(call, n, backend)
    print(high_water() - before, flush=True)
    os._exit(0)
"""

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"
)


def peaks(cases):
    """Return the bytes that each (op, backend, n) takes at most."""
    asked = json.dumps([(OPS[op], backend, n) for op, backend, n in cases])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, asked],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(cases, map(int, done.stdout.split()), strict=True))


@needs_proc
def test_peak_memory_is_far_below_one_matrix():
    found = peaks([(op, "torch", N) for op in ("residualize", "invariance")])
    assert {case: bytes_ for case, bytes_ in found.items() if bytes_ >= MATRIX / 4} == {}


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_peak_memory_of_many_rows(backend):
    if backend == "numba":
        pytest.importorskip("numba")
    n = 4096  # a matrix has 67 MB
    found = peaks([(op, backend, n) for op in ("mmr", "mmd", "energy", "hsic")])
    assert {case: bytes_ for case, bytes_ in found.items() if bytes_ >= 32e6} == {}


@needs_proc
def test_the_dense_reference_is_seen_to_keep_one():
    n = 2048  # float64: half of MATRIX / 8 a matrix, and it holds several
    (found,) = peaks([("mmr", "reference", n)]).values()
    assert found > 8 * n * n
