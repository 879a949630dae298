"""What an op costs the host, counted where there is no GPU.

    python -m rep4ex_kernels.offline.host_cost

The CUDA code path runs on CPU tensors with kernels that do nothing (`pretend`), and every torch
operation is seen on its way (`watch`, `tally`). Small problems on a GPU take the time that the host
needs to start their work, so these counts are what there is to be saved. `cases` has the ops and
the sizes, `limits` what each may cost; the command exits with 1 where one costs more.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from rep4ex_kernels.offline.host_cost.pretend import (
    DEVICE,
    PretendedGPU,
    everything_on_gpu,
    pretended_gpu,
)
from rep4ex_kernels.offline.host_cost.seams import SeamError
from rep4ex_kernels.offline.host_cost.tally import HostCost
from rep4ex_kernels.offline.host_cost.watch import DeviceMismatchError

__all__ = [
    "DEVICE",
    "DeviceMismatchError",
    "HostCost",
    "PretendedGPU",
    "SeamError",
    "count",
    "everything_on_gpu",
    "median_microseconds",
    "pretended_gpu",
]


def count(function: Callable[..., object], *inputs: object) -> HostCost:
    """Count what `function(*inputs)` costs the host when its inputs lie on a GPU.

    The second call is counted: the first may keep what later ones use.

    Args:
        function: anything that computes with torch and the ops of this package.
        inputs: tensors, or nested tuples, lists and dicts of them; copies on the GPU are passed on.

    Raises:
        SeamError: code that is to be replaced is no longer there.
        DeviceMismatchError: tensors in host memory are used on the GPU.
    """
    with pretended_gpu() as gpu:
        moved = gpu.move(inputs)
        return gpu.count(lambda: function(*moved))


def median_microseconds(
    call: Callable[[], object], seconds: float = 0.1, most_calls: int = 200
) -> float:
    """Return the median time of a call on this machine, to be used inside `everything_on_gpu`.

    Args:
        call: is run once before it is timed, then at least 5 times.
        seconds: after which no further call is begun.
        most_calls: that are timed.
    """
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < most_calls and (len(times) < 5 or time.perf_counter() < end):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)
