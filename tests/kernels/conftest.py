"""The tests of the torch path run on the CPU and, where there is one, on a GPU.

`each_device` makes a device torch's default, on which tests create their tensors. Tests marked
`cpu` show what holds there only: values of CUDA tensors are not checked, Numba does not see them.
"""

import pytest
import torch

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
