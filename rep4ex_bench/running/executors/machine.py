"""What this machine has for workers: cores that the process may use, and memory."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

# Of containers: less than the machine's memory, where it is limited.
_CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def available_cores() -> int:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> int:
    """Return the bytes of memory of this machine, or of the container that this runs in."""
    found: list[int] = [psutil.virtual_memory().total]
    for file in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number: no limit
            found.append(int(file.read_text()))
    return min(found)
