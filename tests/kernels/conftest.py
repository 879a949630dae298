"""The tests of the torch path run on the CPU and, where there is one, on a GPU.

`each_device` makes a device torch's default, on which tests create their tensors. Tests marked
`cpu` show what holds there only: values of CUDA tensors are not checked, Numba does not see them.

A test that fails leaves its evidence (`evidence.py`) in its report and in JUnit's file.
"""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
# The assertions in these are read by tests in other files too.
pytest.register_assert_rewrite("test_mmr", "test_residualize", "test_two_samples")

import evidence  # noqa: E402

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def each_device(request):
    parameters = request.node.callspec.params
    if request.param != "cpu":
        if request.node.get_closest_marker("cpu"):
            pytest.skip("holds on the CPU only")
        if parameters.get("backend") == "numba":
            pytest.skip("numba runs on the CPU")
        torch.set_default_device(request.param)
    yield torch.device(request.param)
    torch.set_default_device(None)


@pytest.fixture(autouse=True)
def launches(monkeypatch):
    """Names of the Triton kernels that a test launches, for its evidence."""
    from rep4ex_kernels import _launch

    execute = _launch._execute

    def noted(kernel, grid, arguments, constants):
        name = getattr(kernel, "__name__", None) or getattr(kernel.fn, "__name__", str(kernel))
        evidence.launched.append(f"{name}{grid} {constants}")
        return execute(kernel, grid, arguments, constants)

    evidence.launched.clear()
    monkeypatch.setattr(_launch, "_execute", noted)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and call.excinfo is not None:
        text = evidence.of_frames(call.excinfo.tb)
        report.sections.append(("evidence", text))
        item.user_properties.append(("evidence", f"{call.excinfo.value}\n{text}"))
