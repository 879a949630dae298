"""Runs one ``check_*.py`` in a process of its own; see ``conftest.py``."""

import os
import subprocess
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
CHECKS = sorted(path.name for path in HERE.glob("check_*.py"))
# Checks that `test_triton_samples.py` runs, beside the others: the interpreter is slow.
OF_SAMPLES = ("check_hsic.py", "check_mmd.py", "check_sizes.py")


def run_check(check):
    """Run a file of checks, interpreted where there is no GPU; fails with what it printed."""
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
