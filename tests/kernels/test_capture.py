"""CUDA graphs can capture the Triton path: no op asks the device anything, no grid is too large.

No GPU is needed: the ops run on meta tensors, which have no values to look at, with a recorder in
place of what launches kernels. What would wait for the device raises.
"""

import contextlib

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rep4ex_kernels import (
    _dispatch,
    _launch,
    energy_distance,
    hsic,
    mmd2,
    mmr_penalty,
    residualize,
)
from rep4ex_kernels.energy import op as energy_op
from rep4ex_kernels.hsic import op as hsic_op
from rep4ex_kernels.mmd import op as mmd_op
from rep4ex_kernels.mmr import op as mmr_op
from rep4ex_kernels.residualize import op as residualize_op

pytest.importorskip("triton", reason="triton is not installed")

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


@pytest.fixture
def launches(monkeypatch):
    """(name, grid, device) of every launch; eager calls though a dispatch mode looks on."""
    found, current = [], [None]

    @contextlib.contextmanager
    def device_of(tensor):
        current.append(tensor.device)
        yield
        current.pop()

    def record(kernel, grid, arguments, constants):
        found.append((kernel.__name__, grid, current[-1]))

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    monkeypatch.setattr(_dispatch, "_wrong_device", lambda *_: "")
    monkeypatch.setattr(_launch, "_execute", record)
    for op in (mmr_op, mmd_op, energy_op, hsic_op, residualize_op):
        monkeypatch.setattr(op, "runs_eagerly", lambda *_: True)
    return found


CALLS = {
    "mmr": lambda x, y: mmr_penalty(x, y, 1.0, backend="triton"),
    "mmr fast": lambda x, y: mmr_penalty(x, y, 1.0, precision="fast", backend="triton"),
    "mmd": lambda x, y: mmd2(x, y, bandwidths=[0.5, 1.0, 2.0], backend="triton"),
    "mmd u": lambda x, y: mmd2(x, y, bandwidths=1.0, statistic="u", backend="triton"),
    "laplace": lambda x, y: mmd2(x, y, "laplace", 1.0, backend="triton"),
    "imq": lambda x, y: mmd2(x, y, "imq", 1.0, precision="fast", backend="triton"),
    "energy": lambda x, y: energy_distance(x, y, "u", backend="triton"),
    "hsic": lambda x, y: hsic(x, y, 1.0, 1.0, "unbiased", backend="triton"),
    "residualize": lambda x, y: residualize(x, y, backend="triton")[0].square().sum((1, 2)),
}


def step(name, batch, n, k):
    """Value and gradient of a batch of problems."""
    x, y = (torch.empty(batch, n, k, device="meta") for _ in range(2))
    value = CALLS[name](x.requires_grad_(), y)
    torch.autograd.grad(value.sum(), x)


@pytest.mark.parametrize("k", [1, 3, 64])
@pytest.mark.parametrize("n", [300, 1000])
@pytest.mark.parametrize("name", CALLS)
def test_nothing_waits_for_the_device(name, n, k, launches):
    with NoWaiting():
        step(name, 2, n, k)
    assert launches
    assert all(device == torch.device("meta") for _, _, device in launches)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("batch", "n", "k"), [(1, 1_000_000, 4), (100_000, 24, 3), (1, 300, 64)])
def test_grids_stay_within_their_limits(name, batch, n, k, launches):
    step(name, batch, n, k)
    assert launches
    for kernel, grid, _ in launches:
        x, y, z = (*grid, 1, 1)[:3]
        assert 1 <= x < 2**31, kernel
        assert 1 <= y <= 65535, kernel
        assert 1 <= z <= 65535, kernel


def test_waiting_is_noticed(launches):
    # The controls: what does look at values, on the same tensors.
    x = torch.empty(2, 300, 3, device="meta")
    with NoWaiting():
        with pytest.raises(RuntimeError, match="meta tensor"):
            bool((x > 0).any())
        with pytest.raises(AssertionError, match="waits"):
            torch.linalg.eigh(x.mT @ x)
        with pytest.raises(AssertionError, match="moves memory"):
            torch.zeros(2).to("meta")
