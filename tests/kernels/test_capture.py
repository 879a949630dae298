"""CUDA graphs can capture the Triton path: no op body asks the device anything.

No GPU is needed: the bodies run on meta tensors, which have no values to look at, in the branches
that CUDA tensors take and with recorders in place of the kernels. What would wait for the device
raises.
"""

import contextlib

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rep4ex_kernels import _least_squares
from rep4ex_kernels.bandwidth import op as bandwidth_op
from rep4ex_kernels.energy import op as energy_op
from rep4ex_kernels.hsic import op as hsic_op
from rep4ex_kernels.mmd import op as mmd_op
from rep4ex_kernels.mmr import op as mmr_op
from rep4ex_kernels.residualize import op as residualize_op

pytest.importorskip("triton", reason="triton is not installed")

KERNELS = {
    "mmr": ["kernel_product_kernel"],
    "mmd": ["radial_kernel"],
    "hsic": ["row_sums_kernel", "hsic_kernel"],
    "residualize": ["moments_kernel", "solve_kernel", "residual_kernel"],
}
# On CUDA these copy an error code to the host, or run in a library that may.
WAITING = ("linalg_eigh", "linalg_qr", "linalg_svd", "cholesky_inverse", "_linalg_check_errors")


class NoWaiting(TorchDispatchMode):
    """Raises where an operation would wait for the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if any(word in name for word in WAITING):
            raise AssertionError(f"{name} waits for the device")
        result = func(*args, **(kwargs or {}))
        sources = {a.device.type for a in args if isinstance(a, torch.Tensor)}
        if name in ("_to_copy", "copy_") and len(sources | {result.device.type}) > 1:
            raise AssertionError(f"{name} moves memory between {sources} and {result.device}")
        return result


class Recorder:
    """Stands for a kernel: keeps the grid of every launch and the device that it ran on."""

    def __init__(self, name, launches, current):
        self.name, self.launches, self.current = name, launches, current

    def __getitem__(self, grid):
        def launch(*_, **__):
            self.launches.append((self.name, grid, self.current[-1]))

        return launch


@pytest.fixture
def launches(monkeypatch):
    import importlib

    from rep4ex_kernels import _dispatch, _triton_helpers

    found, current = [], [None]

    @contextlib.contextmanager
    def device_of(tensor):
        current.append(tensor.device)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    monkeypatch.setattr(_least_squares, "on_gpu", lambda _: True)
    monkeypatch.setattr(_dispatch, "_wrong_device", lambda *_: "")
    monkeypatch.setattr(_triton_helpers, "_multiprocessors", lambda _: 132)
    for op, names in KERNELS.items():
        module = importlib.import_module(f"rep4ex_kernels.{op}.triton_impl")
        monkeypatch.setattr(module, "architecture_of", lambda _: "sm_90", raising=False)
        for name in names:
            monkeypatch.setattr(module, name, Recorder(name, found, current))
    return found


def bodies(x, y, wide, h):
    """Every op body that a step with the Triton path runs; x, y float32, wide float64."""
    pair = (mmd_op._mmd_op, energy_op._energy_op)
    mmd, energy = (op._init_fn for op in pair)
    hsic, product = hsic_op._hsic_op._init_fn, mmr_op._kernel_product_op._init_fn
    adjoint = residualize_op._adjoint_op._init_fn
    return {
        "basis": lambda: mmr_op._basis_op._init_fn(y, "auto"),
        "mmr": lambda: product(y, wide, h, "precise", "triton"),
        "mmr fast": lambda: product(y, wide, h, "fast", "triton"),
        "mmd": lambda: mmd(x, y, "gaussian", h[:, None].repeat(1, 3), True, "precise", "triton"),
        "laplace": lambda: mmd(x, y, "laplace", h[:, None], False, "precise", "triton"),
        "imq": lambda: mmd(x, y, "imq", h[:, None], False, "fast", "triton"),
        "energy": lambda: energy(x, y, True, "precise", "triton"),
        "hsic": lambda: hsic(x, y, h, h, True, "precise", "triton"),
        "residualize": lambda: residualize_op._residualize_op._init_fn(x, y, 0.0, None, "triton"),
        "adjoint": lambda: adjoint(x, x[:, : y.shape[2] + 1], y, 0.0, None, "auto"),
        "median": lambda: bandwidth_op._median_op._init_fn(x),
    }


NAMES = list(bodies(*[torch.zeros(1, 2, 2)] * 3, torch.zeros(1)))


def inputs(batch, n, k):
    x, y = (torch.empty(batch, n, k, device="meta") for _ in range(2))
    return x, y, x.double(), torch.empty(batch, device="meta", dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 3, 64])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_waits_for_the_device(name, k, launches):
    with NoWaiting():
        bodies(*inputs(2, 300, k))[name]()
    assert all(device == torch.device("meta") for _, _, device in launches)
    assert launches or name in ("basis", "adjoint", "median")


def test_the_median_of_many_rows_can_be_captured_after_a_first_call(launches):
    x, *_ = inputs(2, 3000, 3)
    bandwidth_op._subset.cache_clear()
    with pytest.raises(AssertionError, match="moves memory"), NoWaiting():
        bandwidth_op._median_op._init_fn(x)
    bandwidth_op._median_op._init_fn(x)
    with NoWaiting():
        bandwidth_op._median_op._init_fn(x)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("batch", "n", "k"), [(1, 1_000_000, 4), (100_000, 24, 3), (1, 300, 64)])
def test_grids_stay_within_their_limits(name, batch, n, k, launches):
    if name in ("basis", "adjoint", "median"):
        pytest.skip("launches no kernel")
    bodies(*inputs(batch, n, k))[name]()
    assert launches
    for kernel, grid, _ in launches:
        x, y, z = (*grid, 1, 1)[:3]
        assert 1 <= x < 2**31, kernel
        assert 1 <= y <= 65535, kernel
        assert 1 <= z <= 65535, kernel


def test_waiting_is_noticed(launches):
    # The control: outside capture the same code asks, to warn of dependent columns.
    with NoWaiting():
        x, y, *_ = inputs(2, 300, 3)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
            with pytest.raises(RuntimeError, match="meta tensor"):
                residualize_op._residualize_op._init_fn(x, y, 0.0, None, "triton")
            with pytest.raises(RuntimeError, match="meta tensor"):
                _least_squares.orthonormal_basis(y)
        with pytest.raises(AssertionError, match="waits"):
            torch.linalg.eigh(x.mT @ x)
        with pytest.raises(AssertionError, match="moves memory"):
            torch.zeros(2).to("meta")
