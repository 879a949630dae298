"""The checks of the losses of two samples, and of sizes."""

import pytest
from run_check import OF_SAMPLES, run_check

pytest.importorskip("triton", reason="triton is not installed")


@pytest.mark.parametrize("check", OF_SAMPLES)
def test_triton_kernels_agree_with_float64(check):
    run_check(check)
