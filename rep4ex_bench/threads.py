"""How many threads a fit computes with: one, unless the caller says otherwise.

A step of a small network is too little work to share: threads that wait for each other make a fit
many times slower. And sums in another order are other bits: with one thread, a fit in a notebook
gives the numbers that a run gives, whose workers have one thread too.

Nothing is set when the package is imported. While a fit runs, the numbers of threads of torch and
of the BLAS and OpenMP libraries are those below, for the whole process; after the last fit that
runs they are what they were.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import torch
from threadpoolctl import ThreadpoolController

from rep4ex_bench.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")

_count: ContextVar[int] = ContextVar("threads of fits", default=1)


@contextlib.contextmanager
def fit_threads(count: int) -> Iterator[None]:
    """Let the fits inside use so many threads: `with fit_threads(4): method.fit(train)`.

    It pays for wide networks alone; the last digits then differ from those of a run.

    Raises:
        UsageError: count is no integer of at least 1.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise UsageError(f"fit_threads() takes an integer of at least 1, got {count!r}")
    token = _count.set(count)
    try:
        yield
    finally:
        _count.reset(token)


def on_fit_threads(function: Callable[P, R]) -> Callable[P, R]:
    """Run a method's `fit`, `fit_many` or `fit_with_oracle` with the threads that fits have."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with _limited(_count.get()):
            return function(*args, **kwargs)

    return wrapped


class _Running:
    """How many fits are inside, and what to put back after the last."""

    lock = threading.Lock()
    fits = 0
    before = 1
    libraries: Any = None


@contextlib.contextmanager
def _limited(count: int) -> Iterator[None]:
    """Give torch and the libraries so many threads; fits at the same time share the first's."""
    with _Running.lock:
        if _Running.fits == 0:
            _limit(count)
        _Running.fits += 1
    try:
        yield
    finally:
        with _Running.lock:
            _Running.fits -= 1
            if _Running.fits == 0:
                _put_back()


def _limit(count: int) -> None:
    _Running.before = torch.get_num_threads()
    # Where torch has them, as in workers and under OMP_NUM_THREADS, so have the libraries.
    if _Running.before != count:
        _Running.libraries = _libraries().limit(limits=count)
        torch.set_num_threads(count)


def _put_back() -> None:
    if _Running.libraries is not None:
        _Running.libraries.restore_original_limits()
        _Running.libraries = None
        torch.set_num_threads(_Running.before)


@functools.cache  # to look for them takes 10 ms; all that fits use is loaded by then
def _libraries() -> Any:
    return ThreadpoolController()
