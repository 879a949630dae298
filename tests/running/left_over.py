"""Which processes of a test are left: those that have its mark among their variables."""

import contextlib
import os
import time
from collections.abc import Iterator, Sequence

import psutil
import pytest

from rep4ex_bench.running.executors import worker_start

VARIABLE = "MARK_OF_THIS_TEST"


@contextlib.contextmanager
def marked_processes(mark: str) -> Iterator[None]:
    """Mark all that is started inside; workers come from a template that has the mark, and ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, mark)
        # the template of earlier tests has no mark, and so its workers would have none
        patch.setattr(worker_start, "_templates", worker_start.Templates())
        try:
            yield
        finally:
            worker_start.close_template()


def left_over(mark: str, seconds: float, words: Sequence[str] = ("",)) -> list[psutil.Process]:
    """Return the marked processes that are there after so many seconds, or none once none is.

    Of these, those whose command line has one of the words.
    """
    deadline = time.monotonic() + seconds
    while (left := _marked(mark, words)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def _marked(mark: str, words: Sequence[str]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid == os.getpid() or mark not in process.environ().values():
                continue
            line = " ".join(process.cmdline())
            if any(word in line for word in words):
                found.append(process)
    return found
