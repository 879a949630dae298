"""Processor, memory, devices, threads and disk."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from rep4ex_bench.doctor.finding import Finding
from rep4ex_bench.records import provenance
from rep4ex_bench.running.cell import CELL_THREADS

_LEAST_DISK = 2**30
_GIB = 2**30


def check_machine(folder: Path) -> Iterator[Finding]:
    """Yield what is known of the machine; `folder` is where runs are written."""
    memory = psutil.virtual_memory()
    capability = torch.backends.cpu.get_cpu_capability()
    yield Finding("machine", "processor", "ok", f"{provenance.processor()}; {capability}")
    yield Finding(
        "machine",
        "memory",
        "ok",
        f"{memory.total / _GIB:.1f} GiB, {memory.available / _GIB:.1f} GiB available",
    )
    yield _platform()
    yield from _gpus()
    cells = "thread" if CELL_THREADS == 1 else "threads"
    setting = os.environ.get("OMP_NUM_THREADS", "not set")
    yield Finding(
        "machine",
        "threads",
        "ok",
        f"cells run on {CELL_THREADS} {cells} each; here torch has {torch.get_num_threads()}, "
        f"OMP_NUM_THREADS is {setting}",
    )
    yield _disk(folder)


def _platform() -> Finding:
    text = f"Python {sys.version.split(maxsplit=1)[0]} on {sys.platform}"
    if sys.platform == "win32":
        return Finding(
            "machine", "platform", "problem", text, "workers are forked: use Linux or macOS"
        )
    return Finding("machine", "platform", "ok", text)


def _gpus() -> Iterator[Finding]:
    if not torch.cuda.is_available():
        yield Finding("machine", "CUDA device", "absent", "none: everything runs on the CPU")
        return
    for index in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(index)
        text = f"{found.name}, {found.total_memory / _GIB:.0f} GiB, sm_{found.major}{found.minor}"
        yield Finding("machine", f"cuda:{index}", "ok", text)


def _disk(folder: Path) -> Finding:
    place = folder.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{free / _GIB:.1f} GiB free at {place}"
    if free < _LEAST_DISK:
        return Finding("machine", "disk", "problem", text, "make room, or write runs elsewhere")
    if not os.access(place, os.W_OK):
        return Finding("machine", "disk", "problem", text, "it cannot be written: choose --out")
    return Finding("machine", "disk", "ok", text)
