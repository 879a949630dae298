"""Processes that a method started: found, and ended without leaving any.

Where the system lets a process adopt orphans (`limits.py`), those that changed their session or
lost their parent are among them.
"""

from __future__ import annotations

import contextlib
import os

import psutil

_SECONDS_TO_END = 5.0


def descendants(spared: set[int]) -> list[psutil.Process]:
    """Return all that this process has started, and what that has, but for the spared ones."""
    found = psutil.Process(os.getpid()).children(recursive=True)
    return [process for process in found if process.pid not in spared]


def end_descendants(spared: set[int]) -> None:
    """Kill them until there are none. All are stopped first: what is stopped starts no other."""
    while processes := descendants(spared):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.suspend()
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        # those that were adopted are ours to reap, else they would be found again
        psutil.wait_procs(processes, timeout=_SECONDS_TO_END)
