"""Peak memory of a stretch of code: growth of the process's resident set, plus the GPU's."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch

UNKNOWN = -1
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class PeakMemory:
    """Starts counting when made; `bytes()` is the peak since then above the level at the start.

    Linux only (the high-water mark is reset through /proc); elsewhere `bytes()` is `UNKNOWN`.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5")  # sets the high-water mark to the present resident set
        if torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()
        self._start = _resident_high_water()

    def bytes(self) -> int:
        """Return the peak growth in bytes, or `UNKNOWN`."""
        now = _resident_high_water()
        if UNKNOWN in (now, self._start):
            return UNKNOWN
        on_gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else 0
        return now - self._start + on_gpu


def _resident_high_water() -> int:
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return UNKNOWN
