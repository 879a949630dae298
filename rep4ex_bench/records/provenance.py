"""Where a record was made: device, hardware, versions, commit. Never part of a cell's key."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

_PACKAGES = (
    *("rep4ex-bench", "torch", "triton", "numba", "numpy", "scipy", "scikit-learn", "pandas"),
    *("pykeops", "geomloss", "hyppo", "jax", "jaxlib"),
)


@cache
def versions() -> str:
    """Return the versions of Python and of the packages that make numbers, as JSON."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = torch.__version__ if package == "torch" else version(package)
        except PackageNotFoundError:
            continue
    return json.dumps(found, sort_keys=True)


@cache
def processor() -> str:
    """Return the processor's name and the number of cores, and the GPU where there is one."""
    text = _cores()
    if torch.cuda.is_available():
        text += f"; {torch.cuda.get_device_name()}"
    return text


@cache
def _cores() -> str:
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name}, {os.cpu_count()} cores"


@cache
def git_commit() -> str:
    """Return the commit of the source tree ("+dirty" with uncommitted changes), or ""."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():  # an installed wheel: its version says what it is
        return ""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        dirty = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + ("+dirty" if dirty else "")


def look_up() -> None:
    """Look up what costs time, so that forked processes need not; GPUs are not touched."""
    versions()
    _cores()
    git_commit()


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
    ).stdout.strip()
