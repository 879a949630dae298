"""The public ops on the Triton path, on the data that their tests see on a GPU.

`test_mmr.py`, `test_residualize.py` and `test_two_samples.py` run on every device that there is,
and draw there. Those of their tests in which a bandwidth, an offset or a weight is the difficulty
run here with a GPU's numbers (`gpu_generator.py`) and arithmetic (`hardware.py`), and with the
Triton path forced. Where there is a GPU they run on it from their own files.
"""

import os

import gpu_generator
import hardware
import pytest
import test_mmr
import test_residualize
import test_two_samples

from rep4ex_kernels import _dispatch

pytestmark = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") != "1", reason="on a GPU the ops' own tests show this"
)

test_mmr_bandwidths_and_offsets = test_mmr.test_float32_bandwidths_and_offsets
test_mmr_scales_and_offset_of_the_representation = (
    test_mmr.test_float32_scales_and_offset_of_the_representation
)
test_mmd_bandwidths_and_offsets = test_two_samples.test_two_samples_bandwidths_and_offsets
test_hsic_bandwidths_and_offsets = test_two_samples.test_hsic_bandwidths_and_offsets
test_scales_of_two_samples = test_two_samples.test_scales
test_first_rows_without_weight = test_residualize.test_first_rows_without_weight_may_lie_anywhere


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    monkeypatch.setenv(_dispatch.ENVIRONMENT_VARIABLE, "triton")
    gpu_generator.emulate(monkeypatch, constructor=True)
    hardware.emulate(monkeypatch)
