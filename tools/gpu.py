"""Run every kernel test and every microbenchmark on a GPU and keep what they say.

    python tools/gpu.py [--out leaderboard/gpu] [--minutes 9]

Writes, ready to commit, into a folder named after the GPU: ``tests.xml`` (JUnit), ``kernels/`` (the
records of ``rep4ex-bench kernels``) and ``run.json`` (hardware, versions, commit, commands, their
exit status and seconds). Exit status 0: all passed; 1: a part failed or ran out of time; 2: no GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Of the time there is: the tests may take this part, the benchmarks what they leave.
TEST_SHARE = 0.6
TIMED_OUT = 124


def main(arguments: list[str] | None = None) -> int:
    """Run the parts; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "leaderboard" / "gpu")
    parser.add_argument("--minutes", type=float, default=8.5, help="for everything together")
    options = parser.parse_args(arguments)
    obstacle = find_obstacle()
    if obstacle:
        print(f"make gpu: expected a CUDA device, found none: {obstacle}", file=sys.stderr)
        return 2
    folder = options.out / folder_name()
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60 * options.minutes
    parts = {}
    for name, command in commands(folder).items():
        share = TEST_SHARE if name == "tests" else 1.0
        parts[name] = run(command, share * (deadline - time.monotonic()))
        keep(folder, parts)
    failed = [name for name, part in parts.items() if part["exit_status"]]
    print(f"results in {folder}; failed: {', '.join(failed) or 'nothing'}")
    return 1 if failed else 0


def find_obstacle() -> str:
    """Say why there is no GPU to be used, or return an empty string."""
    import torch  # noqa: PLC0415 - slow, and not needed for --help

    if torch.version.cuda is None and torch.version.hip is None:
        return f"torch {torch.__version__} is built without CUDA; install a CUDA build"
    if not torch.cuda.is_available():
        return "torch.cuda.is_available() is False; is there a GPU, and its driver (nvidia-smi)?"
    try:
        import triton  # noqa: F401, PLC0415
    except ImportError:
        return "triton is not installed; pip install 'rep4ex-bench[triton]'"
    return ""


def commands(folder: Path) -> dict[str, list[str]]:
    """The parts, in order."""
    # Four processes: most of the time goes into compiling, which is done on the CPU.
    tests = ["-m", "pytest", "tests/kernels", "--numprocesses", "4", "--dist", "loadfile", "-q"]
    skipped = [f"--ignore=tests/kernels/{name}" for name in ("offline", "test_memory.py")]
    report = [f"--junitxml={folder / 'tests.xml'}"]
    bench = ["-m", "rep4ex_bench.cli", "kernels", "--device", "cuda"]
    return {
        "tests": [sys.executable, *tests, *skipped, *report],
        "benchmarks": [sys.executable, *bench, "--out", str(folder / "kernels")],
    }


def run(command: list[str], seconds: float) -> dict[str, object]:
    """Run a part within its time."""
    print("$", " ".join(command), flush=True)
    start = time.monotonic()
    try:
        status = subprocess.run(command, cwd=ROOT, check=False, timeout=seconds).returncode
    except subprocess.TimeoutExpired:
        print(f"stopped after {seconds:.0f} s", file=sys.stderr)
        status = TIMED_OUT
    taken = round(time.monotonic() - start, 1)
    return {"command": command[1:], "exit_status": status, "seconds": taken}


def keep(folder: Path, parts: dict[str, dict[str, object]]) -> None:
    """Write run.json anew; a part that was stopped leaves those before it."""
    from rep4ex_bench import provenance  # noqa: PLC0415

    content = {
        "hardware": provenance.processor(),
        "device": device(),
        "versions": json.loads(provenance.versions()),
        "commit": provenance.git_commit(),
        "parts": parts,
    }
    temporary = folder / "run.json.new"
    temporary.write_text(json.dumps(content, indent=1, sort_keys=True, default=str) + "\n")
    os.replace(temporary, folder / "run.json")


def device() -> dict[str, object]:
    """Name, architecture, memory, driver and clocks of the first GPU."""
    import torch  # noqa: PLC0415

    properties = torch.cuda.get_device_properties(0)
    query = "driver_version,clocks.max.sm,clocks.max.mem,power.limit"
    try:
        text = subprocess.run(
            ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader", "--id=0"],
            capture_output=True, text=True, check=True, timeout=20,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        text = ""
    return {
        "name": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "memory_bytes": properties.total_memory,
        "count": torch.cuda.device_count(),
        "cuda": torch.version.cuda or f"hip {torch.version.hip}",
        query: text,
    }


def folder_name() -> str:
    """The GPU's name in lower case, words joined by dashes."""
    import torch  # noqa: PLC0415

    return re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name(0).lower()).strip("-")


if __name__ == "__main__":
    raise SystemExit(main())
