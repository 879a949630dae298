"""Limits that the system itself keeps for a process. Linux only; elsewhere nothing happens."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def limit_memory(more: int) -> None:
    """Let this process, and each that it starts, allocate so many bytes more than it has now.

    Beyond that an allocation fails, with an exception in Python, torch and numpy. What several
    processes use together is the limit watch's affair (`executors/limit_watch.py`).
    """
    if sys.platform != "linux":
        return
    now = _data_bytes()
    if now is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (now + more, hard))


def adopt_orphans() -> None:
    """Make processes that lose their parent this one's children, if it started their ancestor.

    So a method's process cannot get away by starting another session.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent(parent: int) -> None:
    """Let the system end this process when the one that forked it ends, however that happens.

    Args:
        parent: process id of that one, by which it is seen whether it has ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def _data_bytes() -> int | None:
    """Return what the limit counts of this process."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return None
