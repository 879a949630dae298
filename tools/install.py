"""Install the package with its pinned dependencies into the environment that runs this script.

torch comes first, because which build is right depends on the machine: the CPU build where there
is no NVIDIA GPU (the default build on Linux is several GB of CUDA), the default build elsewhere.
Run by the Makefile as `.venv/bin/python tools/install.py EXTRA...`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
# Python compiles what is imported, once; of all the files of the packages that is a small part.
PIP = [sys.executable, "-m", "pip", "install", "--no-compile", "--constraint", str(CONSTRAINTS)]


def main(extras: list[str]) -> int:
    """Install torch, then the package in editable mode with the extras; return the exit status."""
    install_torch()
    target = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    return shown([*PIP, "--editable", target])


def install_torch() -> None:
    """Install the pinned torch, as the CPU build where there is no NVIDIA GPU."""
    match = re.search(r"^torch==(\S+)$", CONSTRAINTS.read_text(), re.MULTILINE)
    if match is None:
        raise SystemExit(f"{CONSTRAINTS} must pin torch in a line `torch==VERSION`")
    if sys.platform != "linux" or shutil.which("nvidia-smi"):
        return  # the default build is the right one; pip takes it with everything else
    version = match[1]
    print(f"looking for the CPU build of torch {version}", flush=True)
    if run([*PIP, f"torch=={version}+cpu"]):
        return
    # uv knows where torch's CPU builds are published
    uv = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    if run([*PIP, "uv"]) and run([*uv, "--torch-backend=cpu", f"torch=={version}"]):
        return
    print("no CPU build of torch found where pip and uv look: the default build will be installed")


def run(command: list[str]) -> bool:
    """Say whether a command succeeded; what it prints when it fails is of no interest."""
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def shown(command: list[str]) -> int:
    """Run pip, show what it downloads and installs, and all it said where it failed.

    What it says of places where it looked in vain is no progress.
    """
    said = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        for line in pip.stdout or ():
            said.append(line)
            if (progress := progress_of(line)) is not None:
                print(progress, flush=True)
    if pip.returncode:
        print("".join(said), file=sys.stderr)
    return pip.returncode


def progress_of(line: str) -> str | None:
    """Return what a line of pip's output tells of its progress, None if nothing."""
    words = line.split()
    if words[:1] == ["Downloading"]:
        return f"  {Path(words[1]).name} {' '.join(words[2:])}".rstrip()
    if words[:3] == ["Installing", "collected", "packages:"]:
        return f"  installing {len(words) - 3} packages"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
