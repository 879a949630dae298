"""Run the kernel tests and the speed board on a GPU, in pieces of minutes, and keep what they say.

    python tools/gpu.py [tests|board] [--minutes 9] [--again] [--plan] [--out leaderboard/gpu]

Without a part, both. The first line of output says what is done, what failed and what is missing;
each step leaves its results in a folder named after the GPU, ready to commit; the same command goes
on with what is missing, then with what failed (a workload with failing contenders is measured; it
is not measured again).

    tests/STEP.xml       JUnit: whole messages, captured output, recorded properties
    tests/failures.md    the same of the failing tests, to be read
    board/               the records of `rep4ex-bench kernels`, and its page
    board/failures.md    what failing contenders said
    tests.json, board.json    the ledger: step, content of the code, commit, state, seconds
    run.json             hardware and versions

Exit status 0: all done and passed; 1: something failed or is missing; 2: no GPU.
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
from typing import Protocol

import gpu_run
from gpu_ledger import FAILED, PASSED, ROOT, write_text

PARTS = ("tests", "board")
# Of the time there is: the tests may take this part, the board what they leave.
TEST_SHARE = 0.6


class Steps(Protocol):
    """The steps of a part."""

    def states(self) -> dict[str, str]:
        """Return "passed", "failed" or "missing" by the name of the step."""

    def forget(self) -> None:
        """Let all that is done be missing."""

    def run(self, seconds_left: gpu_run.Countdown, jobs: int) -> None:
        """Run what is missing and what failed as long as there is time."""


def main(arguments: list[str] | None = None) -> int:
    """Run the parts; returns the exit status."""
    options = read_options(arguments)
    parts = [options.part] if options.part else list(PARTS)
    obstacle = find_obstacle()
    if options.plan:
        print_plan(parts, options.out, obstacle)
        return 0
    if obstacle:
        print(f"make gpu: expected a CUDA device, found none: {obstacle}", file=sys.stderr)
        return 2
    folder = options.out / folder_name()
    steps = {part: steps_of(part, folder) for part in parts}
    for each in steps.values() if options.again else ():
        each.forget()
    print(summary(steps), flush=True)
    write_facts(folder)
    gpu_run.stop_when_asked()
    deadline = time.monotonic() + 60 * options.minutes
    for part in parts:
        share = TEST_SHARE if part == "tests" and len(parts) > 1 else 1.0
        left = countdown(share * (deadline - time.monotonic()))
        steps[part].run(left, options.jobs)
    print(summary(steps))
    print(f"results in {folder}")
    states = [state for each in steps.values() for state in each.states().values()]
    return 0 if all(state == PASSED for state in states) else 1


def countdown(seconds: float) -> gpu_run.Countdown:
    """Return what says how many seconds are left from now on."""
    end = time.monotonic() + seconds
    return lambda: end - time.monotonic()


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("--out", type=Path, default=ROOT / "leaderboard" / "gpu")
    parser.add_argument("--minutes", type=float, default=9.0, help="for everything together")
    parser.add_argument("--again", action="store_true", help="begin anew; without it, go on")
    parser.add_argument("--plan", action="store_true", help="print the steps, run nothing")
    jobs = max(1, min(4, (os.cpu_count() or 2) // 2))
    parser.add_argument("--jobs", type=int, default=jobs, help="test steps at the same time")
    return parser.parse_args(arguments)


def steps_of(part: str, folder: Path) -> Steps:
    """Return the steps of a part with what became of them in a folder."""
    from rep4ex_bench.records import provenance  # noqa: PLC0415 - slow, and not needed for --help

    versions, commit = provenance.versions(), provenance.git_commit()
    if part == "tests":
        import gpu_tests  # noqa: PLC0415

        return gpu_tests.TestSteps(folder, versions, commit)
    import gpu_board  # noqa: PLC0415

    return gpu_board.BoardSteps(folder, f"{versions} {provenance.processor()}", commit)


def summary(steps: dict[str, Steps]) -> str:
    """Return one line: what is done, what failed, what is missing, by part."""
    parts = []
    for part, each in steps.items():
        states = each.states()
        by_state = {
            wanted: [name for name, state in states.items() if state == wanted]
            for wanted in (PASSED, FAILED, "missing")
        }
        counted = ", ".join(
            f"{len(names)} {state}{_listed(names) if state != PASSED else ''}"
            for state, names in by_state.items()
            if names
        )
        parts.append(f"gpu-{part}: {len(states)} steps: {counted or 'nothing to do'}")
    return "; ".join(parts)


def _listed(names: list[str]) -> str:
    """Names in brackets; of workloads, which are many and long, how many an op."""
    if names and " " in names[0]:
        ops = [name.split()[0] for name in names]
        names = [f"{ops.count(op)} of {op}" for op in dict.fromkeys(ops)]
    return f" ({', '.join(names)})"


def print_plan(parts: list[str], out: Path, obstacle: str) -> None:
    """Print the steps, and where there is a GPU what became of them."""
    folder = out / ("none" if obstacle else folder_name())
    steps = {part: steps_of(part, folder) for part in parts}
    print(f"no GPU here, these are the steps: {obstacle}" if obstacle else summary(steps))
    for part, each in steps.items():
        for name, state in each.states().items():
            print(f"gpu-{part}  {'' if obstacle else f'{state:8}'}{name}")


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


def write_facts(folder: Path) -> None:
    """Write run.json: hardware, versions and commit of the piece that ran last."""
    from rep4ex_bench.records import provenance  # noqa: PLC0415

    content = {
        "hardware": provenance.processor(),
        "device": device(),
        "versions": json.loads(provenance.versions()),
        "commit": provenance.git_commit(),
    }
    text = json.dumps(content, indent=1, sort_keys=True, default=str)
    write_text(folder / "run.json", text + "\n")


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
