"""What a failing test leaves behind, in its message and in JUnit's file."""

import hashlib
import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import evidence
import pytest
import torch

HERE = Path(__file__).parent


def compared():
    x = torch.arange(6.0).reshape(2, 3)
    found = evidence.Compared("loss", x=x, bandwidth=1.5).add("value", x * 2, x, 0.5)
    return found.add("gradient", x.double()[0], x[0], 1e-6)


def test_it_passes_below_its_limits_only():
    compared().check(value=0.6, gradient=1e-5)
    assert list(compared()) == [0.5, 1e-6]
    with pytest.raises(AssertionError, match=r"loss: value 0\.5, limit 0\.5"):
        compared().check(value=0.5)
    with pytest.raises(AssertionError, match="loss: value nan"):
        compared().add("value", 1.0, 1.0, math.nan).check(value=1.0)
    with pytest.raises(AssertionError, match="no error named"):
        compared().check(vlaue=1.0)


def test_a_failure_tells_both_values_inputs_and_the_way_taken(monkeypatch):
    monkeypatch.setattr(evidence, "launched", ["pair_kernel(3,) {'K': 16}"])
    monkeypatch.setenv("REP4EX_KERNELS_BACKEND", "triton")
    with pytest.raises(AssertionError) as failure:
        compared().check(value=0.1, gradient=1e-4)
    text = str(failure.value)
    x = torch.arange(6.0).reshape(2, 3)
    for tensor in (x, 2 * x):
        digest = hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16]
        assert f"(2, 3) float32 cpu sha256 {digest} norm " in text
    assert "at (1, 2): 10, not 5" in text
    assert "gradient: error 1e-06, limit 0.0001" in text
    assert "input bandwidth: 1.5" in text
    assert f"torch {torch.__version__}" in text
    assert "REP4EX_KERNELS_BACKEND=triton" in text
    assert "Triton kernels launched: pair_kernel(3,) {'K': 16}" in text


def test_hashes_do_not_depend_on_strides():
    x = torch.randn(5, 3, dtype=torch.bfloat16)
    assert evidence.digest(x) == evidence.digest(x.mT.contiguous().mT)
    assert evidence.digest(x) != evidence.digest(x + 1)
    assert evidence.digest(torch.ones(1).expand(2**40)) == "not taken, too large"


def test_what_a_function_brings():
    width = 2.0
    assert evidence.bound(lambda x, h=1.0: x * h * width) == {"h": 1.0, "width": 2.0}


TEST = """
import torch

def helper(x):
    found = x[0] + 1.0
    assert found < 0.5

def test_failing():
    helper(torch.zeros(2))

def test_passing():
    pass
"""


def test_every_failing_test_keeps_its_frames_in_the_report(tmp_path):
    for name in ("conftest.py", "evidence.py"):
        (tmp_path / name).symlink_to(HERE / name)
    (tmp_path / "test_it.py").write_text(TEST)
    report = tmp_path / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:xdist"]
    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}", f"--junitxml={report}", str(tmp_path / "test_it.py")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "- evidence -" in done.stdout
    (kept,) = ElementTree.parse(report).iter("property")
    assert kept.get("name") == "evidence"
    digest = hashlib.sha256(bytes(8)).hexdigest()[:16]
    assert f"x = (2,) float32 cpu sha256 {digest}" in kept.get("value")
    assert "assert tensor(1.) < 0.5" in kept.get("value")
