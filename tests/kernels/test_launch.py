"""The direct way to the driver, with a compiled kernel that only writes down what it is given."""

import types

import pytest
import torch

from rep4ex_kernels import _launch

pytest.importorskip("triton", reason="triton is not installed")


class Compiled:
    """Stands for what Triton compiled: keeps the arguments of every run."""

    function, packed_metadata = "function", "metadata"

    def __init__(self):
        self.runs = []

    def run(self, *arguments):
        self.runs.append(arguments)


class Kernel:
    """Stands for a kernel of two arguments and two constants; counts the calls of Triton."""

    arg_names = ("x_ptr", "n", "K", "BLOCK")

    def __init__(self):
        self.compiled, self.calls = Compiled(), []

    def __getitem__(self, grid):
        def through_triton(*arguments, **constants):
            self.calls.append((grid, arguments, constants))
            return self.compiled

        return through_triton


@pytest.fixture
def kernel(monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch._C, "_cuda_getCurrentRawStream", lambda _: "stream", raising=False)
    monkeypatch.setattr(_launch, "_compiled", {})
    monkeypatch.setattr(_launch, "_execute", _launch._directly)
    return Kernel()


def start(kernel, grid=(5, 2), n=7, block=64, pointer="pointer"):
    _launch.launch(kernel, grid, pointer, n, K=16, BLOCK=block, num_warps=4, num_stages=2)


def test_a_variant_goes_through_triton_once(kernel):
    start(kernel)
    start(kernel, grid=(9,), n=8)
    assert len(kernel.calls) == 1
    assert kernel.calls[0][2] == {"K": 16, "BLOCK": 64, "num_warps": 4, "num_stages": 2}
    (run,) = kernel.compiled.runs
    assert run[:4] == (9, 1, 1, "stream")
    assert run[-4:] == ("pointer", 8, 16, 64)  # constants hold their places


def test_other_constants_are_another_variant(kernel):
    start(kernel)
    start(kernel, block=32)
    start(kernel, block=32)
    assert len(kernel.calls) == 2
    assert len(kernel.compiled.runs) == 1


def test_other_dtypes_are_another_variant(kernel):
    for dtype in (torch.float32, torch.float64, torch.float64):
        start(kernel, pointer=torch.zeros(1, dtype=dtype))
    assert len(kernel.calls) == 2
    assert len(kernel.compiled.runs) == 1


def test_the_driver_is_called_as_triton_calls_it(kernel):
    from triton.compiler.compiler import CompiledKernel

    start(kernel)
    start(kernel)
    own = types.SimpleNamespace(
        _init_handles=lambda: None, launch_metadata=lambda *_: None, run=Compiled().run,
        function="function", packed_metadata="metadata",
    )  # fmt: skip
    seen = []
    own.run = lambda *arguments: seen.append(arguments)
    CompiledKernel.__getitem__(own, (5, 2, 1))("pointer", 7, 16, 64, stream="stream")
    ours, theirs = kernel.compiled.runs[0], seen[0]
    hooks = slice(7, 9)  # nobody listens, so none is passed
    assert len(ours) == len(theirs)
    assert ours[:7] == theirs[:7]
    assert ours[hooks] == (None, None)
    assert ours[9:] == theirs[9:]


def test_a_profiler_hears_of_every_launch(kernel, monkeypatch):
    from triton import knobs

    start(kernel)
    monkeypatch.setattr(knobs.runtime, "launch_enter_hook", lambda *_: None)
    start(kernel)
    assert len(kernel.calls) == 2
    assert not kernel.compiled.runs
