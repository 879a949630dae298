"""Processes that a method started: found, and ended without leaving any.

Where the system lets a process adopt orphans (`limits.py`), those that changed their session or
lost their parent are among them.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

_SECONDS_TO_END = 5.0


def descendants(spared: set[int]) -> list[psutil.Process]:
    """Return all that this process has started, and what that has, but for the spared ones."""
    found = psutil.Process(os.getpid()).children(recursive=True)
    return [process for process in found if process.pid not in spared]


def end_descendants(spared: set[int]) -> None:
    """Kill them until there are none. All are stopped first: what is stopped starts no other."""
    while not _has_no_more(spared) and (processes := _not_ended(descendants(spared))):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.suspend()
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        # those that were adopted are ours to reap, else they would be found again
        psutil.wait_procs(processes, timeout=_SECONDS_TO_END)


def _not_ended(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return the processes but for those that have ended and that their own parent must reap."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE or process.ppid() == os.getpid():
                found.append(process)
    return found


def _has_no_more(spared: set[int]) -> bool:
    """Say whether this process surely has no descendants but the spared ones.

    It is so after nearly every cell, and asking the system for the children of a few processes
    takes a tenth of a millisecond; looking for parents through all processes of a machine takes
    milliseconds.
    """
    children = _children(os.getpid())
    return children is not None and children <= spared and not any(map(_may_have_children, spared))


def _may_have_children(process: int) -> bool:
    children = _children(process)
    return children is None or bool(children)


def _children(process: int) -> set[int] | None:
    """Return the children of all threads of a process; None where the system does not say."""
    found: set[int] = set()
    try:
        for thread in Path(f"/proc/{process}/task").iterdir():
            found |= {int(child) for child in (thread / "children").read_text().split()}
    except OSError:
        return None
    return found
