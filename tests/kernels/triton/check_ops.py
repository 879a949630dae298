"""The public ops on the Triton path, on the data that their tests see on a GPU.

`test_mmr.py`, `test_residualize.py` and `test_two_samples.py` run on every device that there is,
and draw there. Those of their tests in which a bandwidth, an offset or a weight is the difficulty
run here with the GPU's numbers (`gpu_generator.py`) and with the GPU's path forced.
"""

import gpu_generator
import pytest
import test_mmr
import test_residualize
import test_two_samples

from rep4ex_kernels import _dispatch

test_mmr_bandwidths_and_offsets = test_mmr.test_float32_bandwidths_and_offsets
test_mmr_scales_and_offset_of_the_representation = (
    test_mmr.test_float32_scales_and_offset_of_the_representation
)
test_mmd_bandwidths_and_offsets = test_two_samples.test_two_samples_bandwidths_and_offsets
test_hsic_bandwidths_and_offsets = test_two_samples.test_hsic_bandwidths_and_offsets
test_scales_of_two_samples = test_two_samples.test_scales
test_first_rows_without_weight = test_residualize.test_first_rows_without_weight_may_lie_anywhere


@pytest.fixture(autouse=True)
def gpu_path(monkeypatch):
    monkeypatch.setenv(_dispatch.ENVIRONMENT_VARIABLE, "triton")
    gpu_generator.emulate(monkeypatch, constructor=True)
