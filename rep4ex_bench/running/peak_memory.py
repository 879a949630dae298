"""Peak memory of a stretch of code: growth of a process's resident set, plus the GPU's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import torch

UNKNOWN = -1


class PeakMemory:
    """Starts counting when made; `bytes()` is the peak since then above the level at the start.

    Args:
        process: id of the process that is watched; None is this one.
        on_gpu: bytes of GPU memory at its peak, as another process says itself.

    Linux only (the high-water mark is reset through /proc); elsewhere `bytes()` is `UNKNOWN`.
    """

    def __init__(self, process: int | None = None, on_gpu: Callable[[], int] | None = None) -> None:
        self.process = process
        self._on_gpu = on_gpu or _own_gpu_bytes
        self._folder = Path("/proc") / ("self" if process is None else str(process))
        with contextlib.suppress(OSError):
            # sets the high-water mark to the present resident set
            (self._folder / "clear_refs").write_text("5")
        if torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()
        self._start = self._resident_high_water()

    def bytes(self) -> int:
        """Return the peak growth in bytes, or `UNKNOWN`."""
        now = self._resident_high_water()
        if UNKNOWN in (now, self._start):
            return UNKNOWN
        return now - self._start + self._on_gpu()

    def _resident_high_water(self) -> int:
        try:
            for line in (self._folder / "status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        except OSError:
            pass
        return UNKNOWN


def _own_gpu_bytes() -> int:
    return torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else 0
