"""CPU seconds of a stretch of code, all threads of a process together."""

from __future__ import annotations

import math
import time

import psutil


class ProcessClock:
    """Starts counting when made.

    Args:
        process: id of the process that is watched, read in steps of the system's clock tick (10 ms
            on Linux); None is this one.
    """

    def __init__(self, process: int | None = None) -> None:
        self._process = process
        self._start = self._now()

    def seconds(self) -> float:
        """Return the CPU seconds since the start, NaN where the process is gone."""
        return self._now() - self._start

    def _now(self) -> float:
        if self._process is None:
            return time.process_time()
        try:
            times = psutil.Process(self._process).cpu_times()
        except psutil.Error:
            return math.nan
        return float(times.user + times.system)
