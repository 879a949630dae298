"""Which processes of a test are left: those that have its mark among their variables."""

import contextlib
import os
import time
from collections.abc import Iterator

import psutil
import pytest

from rep4ex_bench.running.executors import worker_start


@contextlib.contextmanager
def marked_processes(mark: str) -> Iterator[None]:
    """Mark all that is started inside; workers come from a template that has the mark, and ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARK_OF_THIS_TEST", mark)
        # the template of earlier tests has no mark, and so its workers would have none
        patch.setattr(worker_start, "_templates", worker_start.Templates())
        try:
            yield
        finally:
            worker_start.close_template()


def left_over(mark: str, seconds: float) -> list[psutil.Process]:
    """Return the marked processes that are there after so many seconds, or none once none is."""
    deadline = time.monotonic() + seconds
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and mark in process.environ().values():
                found.append(process)
    return found
