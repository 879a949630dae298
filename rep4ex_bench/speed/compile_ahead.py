"""Compiling for all workloads of a GPU at the same time, before the first of them is measured.

Used where first calls are not reported (`--quick`): Triton takes seconds for a kernel, on one core,
and one process after the other would take them one after the other. Here each workload has a
process of its own, whose calls are not measured; the measuring process then finds in the caches
what they compiled, and initialises the device meanwhile. What a contender does there is not
reported, not even if it crashes.

What `kernels --quick --device cuda` then takes on a machine with an H100 and 16 cores, the first
time. This is an estimate; no run has confirmed it:

    start: two processes that import torch, 4 s each                                     8 s
    compiling: the op with the most launches has 8, a kernel took 1 to 5 s          8 to 35 s
        (2.5 s each: 20 s; given up at 35 s)
    rates of the machine: 5 rates of 8 samples of 20 ms                                  1 s
    measuring: 6 workloads of 1.5 s, and 2 s for libraries at their first use           11 s
    together                                                          28 to 55 s, best 40 s

In the one run there was, before any of this, five of the workloads took 80 s one after the other;
the shortest, with two launches, took 4.9 s with its compilation, so measuring takes less than that.
From the second run on everything is in the shared caches, and compiling is as short as initialising
the device.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rep4ex_bench.speed.children import Child
from rep4ex_bench.speed.contender import Contender
from rep4ex_bench.speed.in_child import compile_in_turn, compile_rates
from rep4ex_bench.speed.workload import Workload

_MOST = 8  # every process holds a GPU context, about half a GiB


def compile_ahead(
    tasks: Sequence[tuple[Workload, Sequence[Contender]]],
    seed: int,
    environment: dict[str, str],
    log: Path,
    seconds: float,
) -> int:
    """Let each workload's contenders compile in a process of its own, and the rates in another.

    Returns how many processes there were.

    Args:
        tasks: workloads and who will be measured there; those that compile nothing are left out.
        seed: of the inputs.
        environment: variables that name the caches.
        log: where the processes write.
        seconds: of the clock; processes that are not done by then are ended.
    """
    waiting: list[tuple[Any, ...]] = [(compile_rates,)]
    for workload, given in tasks:
        chosen = [each for each in given if each.compilation(workload) is not None]
        if chosen:
            waiting.append((compile_in_turn, chosen, workload, seed))
    started, running = 0, list[Child]()
    deadline = time.monotonic() + seconds
    while (waiting or running) and time.monotonic() < deadline:
        while waiting and len(running) < _most_at_once():
            running.append(Child(log, environment, *waiting.pop(0)))
            started += 1
        for done in Child.wait_for_any(running, max(0.0, deadline - time.monotonic())):
            done.close()
            running.remove(done)
    for late in running:
        late.close()
    return started


def _most_at_once() -> int:
    return max(1, min(_MOST, len(os.sched_getaffinity(0)) - 1))
