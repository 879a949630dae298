"""What this machine can do, measured in the same run: the rates that floors are made of."""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from rep4ex_bench.speed.clock import synchronise

_TILE = 1 << 16  # elements: 256 KiB of float32 stay in a cache
_MATRIX = {"cpu": 1024, "cuda": 8192}
_COPY = {"cpu": 1 << 25, "cuda": 1 << 28}  # bytes beyond any cache
_SECONDS = 0.02  # of one sample
_SAMPLES = 7


@dataclass(frozen=True)
class Rates:
    """Rates of one device and dtype; the best of several samples, for a floor is a floor.

    Attributes:
        exp2_per_second: powers of two of numbers in the cache, by the fastest code at hand.
        rsqrt_per_second: reciprocal square roots, likewise.
        matmul_flops_per_second: of a large square product; two operations a multiply-add.
        copy_bytes_per_second: bytes read plus bytes written, beyond the caches.
        cached_copy_bytes_per_second: the same in a cache.
    """

    exp2_per_second: float
    rsqrt_per_second: float
    matmul_flops_per_second: float
    copy_bytes_per_second: float
    cached_copy_bytes_per_second: float


def measure_rates(device: str, dtype: torch.dtype) -> Rates:
    """Measure all rates of a device; about a second, and Numba's compilation."""
    tile = -20 * torch.rand(_TILE, dtype=dtype, device=device)
    out = torch.empty_like(tile)
    exp2 = [lambda: torch.exp2(tile, out=out)]
    rsqrt = [lambda: torch.rsqrt(tile, out=out)]
    exp2 += _compiled("exp2", tile)
    rsqrt += _compiled("rsqrt", tile)
    side = _MATRIX[device]
    a, b = (torch.rand(side, side, dtype=dtype, device=device) for _ in range(2))
    c = torch.empty_like(a)
    source = torch.zeros(_COPY[device], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return Rates(
        max(_per_second(f, device, _TILE) for f in exp2),
        max(_per_second(f, device, _TILE) for f in rsqrt),
        _per_second(lambda: torch.mm(a, b, out=c), device, 2 * side**3),
        _per_second(lambda: target.copy_(source), device, 2 * source.numel()),
        _per_second(lambda: out.copy_(tile), device, 2 * tile.numel() * tile.element_size()),
    )


def prepare_rates(dtype: torch.dtype) -> None:
    """Call once on a GPU what has to be compiled there before rates are measured."""
    tile = -20 * torch.rand(_TILE, dtype=dtype, device="cuda")
    for name in ("exp2", "rsqrt"):
        for run in _compiled(name, tile):
            run()
    synchronise("cuda")


def _compiled(name: str, tile: torch.Tensor) -> list[Callable[[], Any]]:
    """Code below torch's own operations, where it can run."""
    on_cpu = tile.device.type == "cpu"
    if on_cpu and tile.dtype == torch.float32 and importlib.util.find_spec("numba"):
        numba_rates = importlib.import_module("rep4ex_bench.speed.rates_numba")
        values = tile.numpy()
        return [lambda: getattr(numba_rates, name)(values)]
    if not on_cpu and importlib.util.find_spec("triton"):
        triton_rates = importlib.import_module("rep4ex_bench.speed.rates_triton")
        return [triton_rates.launcher(name, tile)]
    return []


def _per_second(run: Callable[[], Any], device: str, work: float) -> float:
    """Return the best rate of several samples; `run` may return how many times it did the work."""
    done = run()
    calls, taken = 1, 0.0
    while taken < _SECONDS / 2:
        calls = max(calls, math.ceil(calls * min(10.0, _SECONDS / max(taken, 1e-9))))
        taken = _time(run, device, calls)
    best = min(_time(run, device, calls) for _ in range(_SAMPLES))
    times = done if isinstance(done, int) else 1
    return work * times * calls / best


def _time(run: Callable[[], Any], device: str, calls: int) -> float:
    synchronise(device)
    start = time.perf_counter() if device == "cuda" else time.process_time()
    for _ in range(calls):
        run()
    synchronise(device)
    return (time.perf_counter() if device == "cuda" else time.process_time()) - start
