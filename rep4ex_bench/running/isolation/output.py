"""What a process of a cell prints: the last 64 KiB, through a pipe that the worker empties.

A pipe holds little and no disk is filled, however much is printed. It is text of a stranger: kept,
never read as anything else.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys

MOST_BYTES = 1 << 16
_AT_ONCE = _MOST_LEFT = 1 << 20


class Output:
    """The worker's end of the pipe; `writing` is for one process of the cell, and its own."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.is_open = True
        self._kept = b""

    def close_writing(self) -> None:
        """Close this process's copy of the end that the others print to."""
        os.close(self.writing)

    def take(self) -> int:
        """Take what is there, and return how many bytes; what was kept before may give way."""
        try:
            chunk = os.read(self.reading, _AT_ONCE)
        except BlockingIOError:
            return 0
        self.is_open = bool(chunk)  # else nobody has the other end any more
        self._kept = (self._kept + chunk)[-MOST_BYTES:]
        return len(chunk)

    def close(self) -> str:
        """Take what is left and return all that is kept, as text without control characters.

        Those who printed have ended: no more is left than a pipe holds.
        """
        with contextlib.suppress(OSError):
            for _ in range(_MOST_LEFT // MOST_BYTES):
                if not self.take():
                    break
        os.close(self.reading)
        return harmless(self._kept.decode("utf-8", "backslashreplace"))


def harmless(text: str) -> str:
    """Return a text in which lines are all that a terminal would act upon.

    Other control characters, and those that turn the direction of writing, become their escapes.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        one if one in "\n\t" or one.isprintable() else one.encode("unicode_escape").decode()
        for one in text
    )


def use_output(writing: int) -> None:
    """Let this process print to the pipe, line by line: what is buffered is lost in a crash."""
    for descriptor in (1, 2):
        os.dup2(writing, descriptor)
    os.close(writing)
    # streams of their own: those that there are know nothing of what is now behind their numbers
    sys.stdout, sys.stderr = (
        os.fdopen(descriptor, "w", 1, "utf-8", "backslashreplace", closefd=False)
        for descriptor in (1, 2)
    )
    faulthandler.enable()  # where in Python a segmentation fault was


def flush_output() -> None:
    """Print what was not a whole line yet."""
    for stream in (sys.stdout, sys.stderr):
        # the method may have replaced or closed it
        with contextlib.suppress(Exception):
            stream.flush()
