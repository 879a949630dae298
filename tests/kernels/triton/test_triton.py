"""The checks of least squares, of the MMR penalty, of bandwidths and of the public ops."""

import pytest
from run_check import CHECKS, OF_SAMPLES, run_check

pytest.importorskip("triton", reason="triton is not installed")


@pytest.mark.parametrize("check", [name for name in CHECKS if name not in OF_SAMPLES])
def test_triton_kernels_agree_with_float64(check):
    run_check(check)


def test_every_op_is_checked():
    assert set(OF_SAMPLES) < set(CHECKS)
