"""Everything that depends on the device: waiting for it, its caches, its clock, its memory."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from rep4ex_bench.running.peak_memory import PeakMemory
from rep4ex_bench.speed.outputs import Consumed, consume
from rep4ex_bench.speed.problem import Tensors

Step = Callable[..., Sequence[Any]]
_FLUSH_BYTES = 1 << 28  # more than any L2 cache


@dataclass(frozen=True)
class Timing:
    """Seconds of one call.

    Attributes:
        process: of the processor, all threads of the process.
        wall: of the clock, the device waited for.
        device: of the GPU's own clock, NaN on a CPU.
    """

    process: float
    wall: float
    device: float

    @property
    def cost(self) -> float:
        """What a call costs whatever else runs on the machine: process time on a CPU."""
        return self.process if math.isnan(self.device) else self.wall


def synchronise(device: str) -> None:
    """Wait until the device has nothing left to do."""
    if device == "cuda":
        torch.cuda.synchronize()


def device_works(device: str) -> bool:
    """Say whether the device still answers this process.

    After an illegal access no CUDA call of the process that made it does, whoever makes the call.
    """
    if device != "cuda":
        return True
    try:
        torch.cuda.synchronize()
        torch.zeros((), device=device).item()
    except torch.OutOfMemoryError:
        return True
    except RuntimeError:
        return False
    return True


def time_calls(device: str, step: Step, pool: Sequence[Tensors]) -> tuple[Timing, list[Consumed]]:
    """Call a step once on each inputs of a pool; return mean seconds and every output, consumed.

    Outputs are consumed inside the timed region. On CUDA every call starts with a flushed L2 cache
    and an idle device.
    """
    timed = _time_on_cuda if device == "cuda" else _time_on_cpu
    with _no_collection():
        return timed(step, pool)


def _time_on_cpu(step: Step, pool: Sequence[Tensors]) -> tuple[Timing, list[Consumed]]:
    kept = []
    process, wall = time.process_time(), time.perf_counter()
    for inputs in pool:
        kept.append(consume(step(*inputs)))
    process, wall = time.process_time() - process, time.perf_counter() - wall
    return Timing(process / len(pool), wall / len(pool), math.nan), kept


def _time_on_cuda(step: Step, pool: Sequence[Tensors]) -> tuple[Timing, list[Consumed]]:
    kept = []
    process = wall = on_device = 0.0
    flush = _flush_buffer()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for inputs in pool:
        flush.zero_()
        torch.cuda.synchronize()
        process -= time.process_time()
        wall -= time.perf_counter()
        start.record()
        kept.append(consume(step(*inputs)))
        end.record()
        torch.cuda.synchronize()  # every stream, not only the one of the events
        wall += time.perf_counter()
        process += time.process_time()
        on_device += start.elapsed_time(end) / 1e3
    calls = len(pool)
    return Timing(process / calls, wall / calls, on_device / calls), kept


@functools.cache
def _flush_buffer() -> torch.Tensor:
    return torch.empty(_FLUSH_BYTES, dtype=torch.uint8, device="cuda")


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def release_memory() -> None:
    """Give memory that nothing holds back to the system, so that its next use is seen."""
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    with contextlib.suppress(OSError, AttributeError):  # glibc only
        ctypes.CDLL(None).malloc_trim(0)


def peak_extra_bytes(device: str, run: Callable[[], object]) -> int:
    """Peak memory of a call above the level before it, in bytes; -1 where it cannot be known."""
    release_memory()
    synchronise(device)
    if device == "cuda":
        _flush_buffer()  # no contender's memory
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        synchronise(device)
        return torch.cuda.max_memory_allocated() - before
    memory = PeakMemory()
    run()
    return memory.bytes()
