"""Fixtures of the Triton kernel checks.

The checks (``check_*.py``) run in a process of their own, started by ``test_triton.py``: without a
GPU they run in Triton's interpreter, whose switch is read when a kernel is decorated, and a process
that has already imported the kernels could not be switched.

Data come from the fixture `generator`, in streams:

* cpu: torch's generator on the CPU; cpu-1 and cpu-2: the same with other seeds;
* numbers: what a GPU's generator draws (`gpu_generator.py`);
* gpu: those numbers, and in the interpreter the GPU's arithmetic too (`hardware.py`).

Every check runs on the first, those in SENSITIVE, where an ill condition leaves errors little room,
on "numbers" too, and `check_ops.py` has "gpu" for bandwidths and offsets of every op. The
interpreter is slow: REP4EX_CHECK_STREAMS=all runs every check on every stream, or on those that it
names, separated by commas.

For the same reason the interpreter sees only as many cases of a check as show every value of every
parameter, always the same ones, and none that is marked `many_programs`; `make interpreter`
(REP4EX_CHECK_CASES=all) shows it all of them, and a GPU runs all.
"""

import collections
import os
import sys
import zlib
from pathlib import Path

import gpu_generator
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
import hardware

SEED = 20240611
SEEDS = {"cpu": SEED, "cpu-1": 1, "cpu-2": 2, "numbers": SEED, "gpu": SEED}
SENSITIVE = {"check_residualize"}
# A minute a case, of which one of every check is seen: other checks show these kernels all values.
EMULATED = {"check_ops"}
# Many numbers for the same code: those of a few cases, one at least.
SWEEPS = {"check_bandwidths"}


def pytest_generate_tests(metafunc):
    if "stream" in metafunc.fixturenames:
        asked = os.environ.get("REP4EX_CHECK_STREAMS", "")
        usual = ["cpu", "numbers"] if metafunc.definition.path.stem in SENSITIVE else ["cpu"]
        names = list(SEEDS) if asked == "all" else asked.split(",") if asked else usual
        metafunc.parametrize("stream", names)


def pytest_collection_modifyitems(config, items):
    """Leave out, in the interpreter, cases that show no value which others have not shown."""
    if os.environ.get("TRITON_INTERPRET") != "1" or os.environ.get("REP4EX_CHECK_CASES") == "all":
        return
    checks, left_out = collections.defaultdict(list), []
    for item in items:
        if item.get_closest_marker("many_programs"):
            left_out.append(item)
        elif item.path.name.startswith("check_") and hasattr(item, "callspec"):
            checks[item.path, item.originalname].append(item)
    left_out += [
        item
        for (path, _), cases in checks.items()
        for item in (by_hash(cases)[1:] if path.stem in EMULATED else others(cases))
    ]
    config.hook.pytest_deselected(items=left_out)
    unwanted = set(map(id, left_out))
    items[:] = [item for item in items if id(item) not in unwanted]


def others(cases):
    """Return the cases to leave out: every value of every parameter stays."""
    first, *left = by_hash(cases)
    seen = values(first)
    while any(values(case) - seen for case in left):
        chosen = max(left, key=lambda case: len(values(case) - seen))
        left.remove(chosen)
        seen |= values(chosen)
    return left


def by_hash(cases):
    """Order cases by a hash of their names: not all first ones have the same first value."""
    return sorted(cases, key=lambda case: zlib.crc32(case.name.encode()))


def values(case):
    """Return what a case has that others might not; of bandwidths, what chooses the code."""
    found = case.callspec.params.items()
    if case.path.stem in SWEEPS:
        found = [(name, value) for name, value in found if isinstance(value, str | bool)]
    return {(name, repr(value)) for name, value in found}


@pytest.fixture
def device():
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(autouse=True)
def nan_scratch(request, monkeypatch):
    """Scratch memory full of NaN: a value that a kernel forgot to write shows in the result."""
    if request.node.path.name.startswith("test_"):
        return
    from rep4ex_kernels import _launch

    def full_of_nan(shape, dtype, device):
        return torch.full(shape, float("nan"), dtype=dtype, device=device)

    monkeypatch.setattr(_launch, "_allocate", full_of_nan)


@pytest.fixture
def generator(stream, monkeypatch):
    if stream.startswith("cpu"):
        return torch.Generator().manual_seed(SEEDS[stream])
    gpu_generator.emulate(monkeypatch)
    if stream == "gpu":
        hardware.emulate(monkeypatch)
    return gpu_generator.GPUGenerator().manual_seed(SEEDS[stream])


@pytest.fixture
def parallel_rows(device):
    """How many rows of so many show what the order of programs changes: the interpreter has one."""
    return lambda n: n if device.type == "cuda" else min(n, 70)


@pytest.fixture
def relative_error():
    """Norm of the difference over the norm of the float64 reference."""

    def error(actual, expected):
        actual = actual.double().cpu()
        assert actual.shape == expected.shape
        return float((actual - expected).norm() / expected.norm().clamp_min(1e-300))

    return error
