"""`make gpu`: says what is missing where there is no GPU, and keeps what its parts say."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool(monkeypatch):
    specification = importlib.util.spec_from_file_location("gpu", ROOT / "tools" / "gpu.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path):
    command = [sys.executable, ROOT / "tools" / "gpu.py", "--out", tmp_path / "results"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "expected a CUDA device, found none" in done.stderr
    assert not (tmp_path / "results").exists()


def run(tool, monkeypatch, tmp_path, parts, *options):
    monkeypatch.setattr(tool, "find_obstacle", lambda: "")
    monkeypatch.setattr(tool, "folder_name", lambda: "some-gpu")
    monkeypatch.setattr(tool, "device", lambda: {"name": "some GPU"})
    programs = {name: [sys.executable, "-c", program] for name, program in parts.items()}
    monkeypatch.setattr(tool, "commands", lambda _: programs)
    status = tool.main(["--out", str(tmp_path), *options])
    return status, json.loads((tmp_path / "some-gpu" / "run.json").read_text())


def test_results_are_kept_with_hardware_and_versions(tool, monkeypatch, tmp_path):
    status, kept = run(tool, monkeypatch, tmp_path, {"tests": "", "benchmarks": ""})
    assert status == 0
    assert kept["device"] == {"name": "some GPU"}
    assert kept["versions"]["torch"] == torch.__version__
    assert [part["exit_status"] for part in kept["parts"].values()] == [0, 0]
    assert {path.name for path in (tmp_path / "some-gpu").iterdir()} == {"run.json"}


def test_a_part_that_fails_or_takes_too_long_is_kept_as_such(tool, monkeypatch, tmp_path):
    parts = {"tests": "import time; time.sleep(60)", "benchmarks": "raise SystemExit(3)"}
    status, kept = run(tool, monkeypatch, tmp_path, parts, "--minutes", "0.05")
    assert status == 1
    assert kept["parts"]["tests"]["exit_status"] == 124
    assert kept["parts"]["tests"]["seconds"] < 30
    assert kept["parts"]["benchmarks"]["exit_status"] in (3, 124)


def test_the_benchmark_command_exists(tool, tmp_path):
    tests, benchmarks = tool.commands(tmp_path).values()
    assert "tests/kernels" in tests
    help_text = subprocess.run(
        [*benchmarks[:4], "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert "--device" in help_text
    assert "--out" in help_text
