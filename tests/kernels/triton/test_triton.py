"""Runs every ``check_*.py`` beside this file in a process of its own; see ``conftest.py``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="triton is not installed")

HERE = Path(__file__).parent
CHECKS = sorted(path.name for path in HERE.glob("check_*.py"))


@pytest.mark.parametrize("check", CHECKS)
def test_triton_kernels_agree_with_float64(check):
    environment = dict(os.environ)
    environment.pop("PYTEST_ADDOPTS", None)
    environment.pop("TRITON_INTERPRET", None)
    if not torch.cuda.is_available():
        environment["TRITON_INTERPRET"] = "1"
    command = [
        sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist",
        "-o", "python_files=check_*.py", "-o", "addopts=--import-mode=importlib", str(HERE / check),
    ]  # fmt: skip
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{result.stdout[-6000:]}\n{result.stderr[-2000:]}"


def test_every_op_is_checked():
    assert CHECKS, f"no check_*.py in {HERE}"
