"""Fixtures of the Triton kernel checks.

The checks (``check_*.py``) run in a process of their own, started by ``test_triton.py``: without a
GPU they run in Triton's interpreter, whose switch is read when a kernel is decorated, and a process
that has already imported the kernels could not be switched.
"""

import pytest
import torch


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
def generator():
    return torch.Generator().manual_seed(20240611)


@pytest.fixture
def relative_error():
    """Norm of the difference over the norm of the float64 reference."""

    def error(actual, expected):
        actual = actual.double().cpu()
        assert actual.shape == expected.shape
        return float((actual - expected).norm() / expected.norm().clamp_min(1e-300))

    return error
