"""Threads of our own for sums over pairs, with torch's kept out of the way.

A tile fits the cache and is too little work for torch's threads to share. So every thread takes
every T-th block of rows and has sums of its own, which are added in a fixed order: the same number
of threads gives the same bits. T is torch's number of threads.

Torch's operations are serial meanwhile: its threads spin for milliseconds after an operation, on
cores that ours need. Torch knows one number of threads for the whole process. It is 1 while an op
runs and is put back when the last one ends; other torch code of the program that runs at the same
time loses speed, nothing else.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")


class _Running:
    """How many ops are inside, and the number of threads to put back after the last."""

    lock = threading.Lock()
    ops = 0
    threads = 1


@contextlib.contextmanager
def serial_torch() -> Iterator[int]:
    """Make torch's operations serial; gives the number of threads that the caller may use."""
    with _Running.lock:
        if _Running.ops == 0:
            _Running.threads = torch.get_num_threads()
            if _Running.threads > 1:
                torch.set_num_threads(1)
        _Running.ops += 1
    try:
        yield _Running.threads
    finally:
        with _Running.lock:
            _Running.ops -= 1
            if _Running.ops == 0 and _Running.threads > 1:
                torch.set_num_threads(_Running.threads)


def own_threads(function: Callable[P, R]) -> Callable[P, R]:
    """Run an op that uses `sum_in_threads`, and the small torch operations around it, serially."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.compiler.is_compiling():
            return function(*args, **kwargs)
        with serial_torch():
            return function(*args, **kwargs)

    return wrapped


def sum_in_threads(blocks: int, work: Callable[[int, int], tuple[Any, ...]]) -> list[Any]:
    """Call work(first, stride) once a thread, for all blocks; return the sum of each result."""
    if blocks <= 1:
        return list(work(0, 1))
    with serial_torch() as threads:
        count = min(threads, blocks)
        if count <= 1:
            return list(work(0, 1))

        def without_gradients(first: int) -> tuple[Any, ...]:
            with torch.no_grad():  # what the caller said does not reach new threads
                return work(first, count)

        with ThreadPoolExecutor(count - 1) as pool:
            others = [pool.submit(without_gradients, first) for first in range(1, count)]
            parts = [work(0, count), *(other.result() for other in others)]
    return [functools.reduce(operator.add, column) for column in zip(*parts, strict=True)]
