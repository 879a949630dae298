"""Looks at what the processes of a cell use while they run, and says when they must end.

The time limit is kept by the worker; here are memory, number of processes and disk. A method may
start processes of its own: what counts is all of them together.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time

import psutil

from rep4ex_bench.running.executors.frames import Reply
from rep4ex_bench.running.isolation.leftover_processes import descendants
from rep4ex_bench.running.resources import GIB

# No fit needs so many, and past this number a fork bomb forks faster than it can be ended.
MOST_PROCESSES = 200
_SECONDS_BETWEEN_LOOKS = 0.4
# Where less than this is left on the disk of temporary files, a cell that has filled it must end:
# 5 % of it, at most a quarter of a GiB. One that has written less than half of that has not: it is
# another's doing, and that one will end.
_LEAST_SHARE, _LEAST_BYTES = 0.05, GIB // 4


class LimitWatch:
    """Watches the descendants of this process.

    Args:
        spared: ids of descendants that are the worker's own.
        memory_bytes: most memory of all others together, as each would free it by ending.
        scratch: folder of temporary files of the method.
    """

    def __init__(self, spared: set[int], memory_bytes: int, scratch: str) -> None:
        self._spared = spared
        self._memory_bytes = memory_bytes
        self._scratch = scratch
        self._next = time.monotonic() + _SECONDS_BETWEEN_LOOKS
        self._least_free = 0
        with contextlib.suppress(OSError):
            total = shutil.disk_usage(scratch).total
            self._least_free = min(_LEAST_BYTES, int(_LEAST_SHARE * total))

    def look(self) -> Reply | None:
        """Return why the cell must end, or None; looks again only after .4 seconds."""
        now = time.monotonic()
        if now < self._next:
            return None
        self._next = now + _SECONDS_BETWEEN_LOOKS
        processes = descendants(self._spared)
        if len(processes) > MOST_PROCESSES:
            return Reply(
                status="failed",
                error=f"over the limit of {MOST_PROCESSES} processes: {len(processes)} were "
                "running",
            )
        used = sum(map(own_memory, processes))
        if used > self._memory_bytes:
            return Reply(status="out_of_memory", error=over_memory(used, self._memory_bytes))
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self._scratch).free
            if free < self._least_free and (own := size_of(self._scratch)) > self._least_free / 2:
                return Reply(
                    status="failed",
                    error=f"the disk of temporary files is full: {free / 2**20:.0f} MiB left of "
                    f"the {self._least_free / 2**20:.0f} MiB that must stay free, and the cell "
                    f"has written {own / 2**20:.0f} MiB to it",
                )
        return None


def over_memory(used: int, limit: int) -> str:
    """Return the message of a cell over its memory limit."""
    return f"over the memory limit of {limit / GIB:.3g} GiB: {used / GIB:.3g} GiB in use"


def size_of(folder: str) -> int:
    """Return the bytes that the files in a folder take."""
    blocks = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                blocks += os.lstat(os.path.join(place, name)).st_blocks
    return blocks * 512


def own_memory(process: psutil.Process) -> int:
    """Return the bytes that would be free if the process ended; 0 if it has."""
    with contextlib.suppress(psutil.Error, OSError):
        return int(process.memory_full_info().uss)
    return 0
