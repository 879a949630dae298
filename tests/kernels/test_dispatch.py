"""One place picks the backend; a forced one that cannot run raises; nothing optional is needed."""

import subprocess
import sys

import pytest
import torch

from rep4ex_kernels import BackendError, energy_distance, hsic, mmd2, mmr_penalty, residualize
from rep4ex_kernels import _dispatch as dispatch

CPU, FLOAT = torch.device("cpu"), torch.float32
OPS = {
    "residualize": residualize,
    "mmr": lambda x, y, **o: mmr_penalty(x, y, 1.0, **o),
    "mmd": lambda x, y, **o: mmd2(x, y, bandwidths=1.0, **o),
    "energy": energy_distance,
    "hsic": lambda x, y, **o: hsic(x, y, 1.0, 1.0, **o),
}


@pytest.mark.parametrize("op", list(OPS))
def test_forced_triton_on_the_cpu_raises(op, monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(BackendError, match=f"'triton' cannot run {op}: .*(CUDA device|installed)"):
        OPS[op](torch.randn(9, 2), torch.randn(9, 2), backend="triton")


def test_forced_numba_raises_where_it_cannot_run(monkeypatch):
    x = torch.randn(9, 2)
    with pytest.raises(BackendError, match="computes in float32"):
        energy_distance(x.double(), x.double(), backend="numba")
    with pytest.raises(BackendError, match="no such path"):
        mmd2(x, x, "laplace", 1.0, backend="numba")
    with pytest.raises(BackendError, match="columns of the actions are constant or all but"):
        residualize(x, torch.ones(9, 2), backend="numba")
    monkeypatch.setattr(dispatch, "_installed", lambda module: False)
    with pytest.raises(BackendError, match="numba is not installed; pip install"):
        energy_distance(x, x, backend="numba")


@pytest.mark.parametrize("width", [0.01, 100.0])
def test_a_forced_float32_backend_is_not_replaced_where_float64_is_needed(width):
    x, y = torch.randn(99, 2), torch.randn(99, 2)
    calls = {
        "mmr": lambda b: mmr_penalty(x, y, 100.0, backend=b),
        "mmd": lambda b: mmd2(x, y, bandwidths=width, backend=b),
        "hsic": lambda b: hsic(x, y, 1.0, width, backend=b),
    }
    for op, call in calls.items():
        with pytest.raises(BackendError, match=f"'numba' cannot run {op}: the bandwidth"):
            call("numba")
        assert torch.allclose(call("torch"), call("reference"), rtol=1e-5)
    with pytest.raises(BackendError, match="'numba' cannot run mmd imq: it has no such path"):
        mmd2(x, y, "imq", 1.0, backend="numba")


def test_unknown_names_are_listed(monkeypatch):
    with pytest.raises(BackendError, match="backend: expected one of auto, reference"):
        energy_distance(torch.randn(9, 2), torch.randn(9, 2), backend="cuda")
    monkeypatch.setenv(dispatch.ENVIRONMENT_VARIABLE, "keops")
    with pytest.raises(BackendError, match="REP4EX_KERNELS_BACKEND: expected one of"):
        energy_distance(torch.randn(9, 2), torch.randn(9, 2))


def test_argument_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv(dispatch.ENVIRONMENT_VARIABLE, "numba")
    assert dispatch.requested_backend(None) == "numba"
    assert dispatch.requested_backend("torch") == "torch"


def test_automatic_choice(monkeypatch):
    monkeypatch.setattr(dispatch, "_installed", lambda module: True)
    assert dispatch.choose_backend("mmr", "auto", CPU, FLOAT, 4) == "numba"
    assert dispatch.choose_backend("mmr", "auto", CPU, FLOAT, 200) == "torch"
    assert dispatch.choose_backend("mmr", "auto", CPU, torch.float64, 4) == "torch"
    assert dispatch.choose_backend("mmr", "auto", torch.device("cuda"), FLOAT, 200) == "triton"
    assert (
        dispatch.choose_backend("residualize", "auto", torch.device("cuda"), FLOAT, 64) == "triton"
    )
    assert (
        dispatch.choose_backend("residualize", "auto", torch.device("cuda"), FLOAT, 65) == "torch"
    )
    with pytest.raises(BackendError, match="takes 64 columns at most, received 65"):
        dispatch.choose_backend("residualize", "triton", torch.device("cuda"), FLOAT, 65)
    monkeypatch.setattr(dispatch, "_installed", lambda module: False)
    assert dispatch.choose_backend("mmr", "auto", CPU, FLOAT, 4) == "torch"
    assert dispatch.choose_backend("mmr", "auto", torch.device("cuda"), FLOAT, 4) == "torch"


@pytest.mark.parametrize("op", list(OPS))
def test_backends_agree(op, monkeypatch):
    x, y = torch.randn(65, 2), torch.randn(65, 2)
    results = []
    for backend in ("reference", "torch", "auto"):
        monkeypatch.setenv(dispatch.ENVIRONMENT_VARIABLE, backend)
        value = OPS[op](x, y)
        results.append(value[0] if isinstance(value, tuple) else value)
    assert torch.allclose(results[1], results[0], rtol=1e-4, atol=1e-6)
    assert torch.allclose(results[2], results[0], rtol=1e-4, atol=1e-6)


WIDEST = {
    "mmr": (lambda x, y, b: mmr_penalty(y, x, 6.0, backend=b), 32),
    "mmd": (lambda x, y, b: mmd2(x, y, bandwidths=[5.0, 10.0], backend=b), None),
    "energy": (lambda x, y, b: energy_distance(x, y, backend=b), None),
    "hsic": (lambda x, y, b: hsic(x, y, 8.0, 8.0, backend=b), 64),
}


@pytest.mark.parametrize("op", list(WIDEST))
def test_the_compiled_path_is_right_up_to_the_width_where_torch_takes_over(op):
    pytest.importorskip("numba")
    call, columns = WIDEST[op]
    limit = dispatch._NUMBA_MAX_WIDTH[op]
    assert dispatch.choose_backend(op, "auto", CPU, FLOAT, limit) == "numba"
    assert dispatch.choose_backend(op, "auto", CPU, FLOAT, limit + 1) == "torch"
    x = torch.randn(203, columns or limit)
    y = (torch.randn(203, limit - (columns or 0)) + 0.3).requires_grad_()
    expected = call(x, y, "reference")
    (slope,) = torch.autograd.grad(expected, y)
    found = call(x, y, "numba")
    (gradient,) = torch.autograd.grad(found, y)
    found, expected = float(found.detach()), float(expected.detach())
    assert abs(found - expected) <= 1e-5 * abs(expected)
    assert float((gradient - slope).norm()) <= 1e-4 * float(slope.norm())


def test_works_without_triton_and_numba():
    program = """
import sys
sys.modules["triton"] = None
sys.modules["numba"] = None
import torch, rep4ex_kernels as kernels
import importlib.util
from rep4ex_kernels import _dispatch
_dispatch._installed = lambda name: sys.modules.get(name) is not None
x, y = torch.randn(65, 2), torch.randn(65, 2)
for value in (kernels.mmr_penalty(x, y), kernels.mmd2(x, y), kernels.energy_distance(x, y),
              kernels.hsic(x, y), kernels.InvariancePenalty.fit(y)(x)):
    assert torch.isfinite(value), value
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
