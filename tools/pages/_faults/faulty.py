"""A method whose fit does one bad thing."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from _faults.honest import Zeros
from rep4ex_bench import FittedMethod, Method, TrainingData

_MIB = 1 << 20


class _SpeechlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class Faults:
    """One bad thing each."""

    marker = ""

    def nothing(self) -> None:
        """Be an honest method."""

    def raises(self) -> None:
        """Raise an exception whose text is markup."""
        raise RuntimeError("a message with <b>markup</b>")

    def raises_what_cannot_be_stored(self) -> None:
        """Raise an exception whose text is no text of UTF-8."""
        raise RuntimeError("half a character: \ud800")

    def raises_what_cannot_be_said(self) -> None:
        """Raise an exception that raises when it is asked what it says."""
        raise _SpeechlessError

    def raises_a_long_story(self) -> None:
        """Raise an exception with 64 MiB of text."""
        raise RuntimeError("long " * (_MIB * 64 // 5))

    def raises_that_memory_is_short(self) -> None:
        """Raise Python's own error of too little memory."""
        raise MemoryError("no room")

    def not_finite(self) -> Zeros:
        """Predict what no metric can use."""
        return Zeros(float("nan"))

    def wrong_shape(self) -> Zeros:
        """Predict too few values."""
        return Zeros(missing=1)

    def leaves(self) -> None:
        """Leave without a word."""
        os._exit(3)

    def segmentation_fault(self) -> None:
        """Read address 0."""
        ctypes.string_at(0)

    def kills_itself(self) -> None:
        """End as the out-of-memory killer of the system would end it."""
        os.kill(os.getpid(), signal.SIGKILL)

    def kills_its_parent(self) -> None:
        """End the process that forks methods."""
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)

    def endless_python(self) -> None:
        """Loop for ever."""
        while True:
            pass

    def endless_holding_the_lock(self) -> None:
        """Loop for ever inside one call that never gives up the interpreter's lock."""
        re.match(r"(a+)+$", "a" * 60 + "b")

    def ignores_signals(self) -> None:
        """Loop for ever, deaf to every signal that a process can refuse."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        self.endless_python()

    def allocates_at_once(self) -> None:
        """Ask numpy for 64 GiB and use them."""
        np.ones(8 << 30)

    def allocates_at_once_in_torch(self) -> None:
        """Ask torch for 64 GiB and use them."""
        torch.ones(8 << 30, dtype=torch.float64)

    def allocates_slowly(self) -> None:
        """Take more and more."""
        taken = []
        while True:
            taken.append(np.ones(8 * _MIB))

    def children_allocate(self) -> None:
        """Have four children take 300 MiB each: no single one is over the limit."""
        code = f"import time; taken = bytearray({300 * _MIB}); time.sleep(60)"
        for _ in range(4):
            subprocess.Popen([sys.executable, "-c", code])
        time.sleep(60)

    def leaves_a_child(self) -> None:
        """Leave a child in a session of its own that outlives the fit, and return."""
        code = f"import time; time.sleep(4); open({self.marker!r}, 'w').close()"
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True)

    def waits_with_a_child(self) -> None:
        """Wait for ever beside a child that would outlive the cell."""
        code = f"import time; time.sleep(8); open({self.marker!r}, 'w').close()"
        subprocess.Popen([sys.executable, "-c", code])
        while True:
            time.sleep(60)

    def fork_bomb(self) -> None:
        """Fork in every generation, each child in a session of its own, up to 512."""
        for _ in range(9):
            if os.fork() == 0:
                os.setsid()
        time.sleep(60)

    def fills_the_disk(self) -> None:
        """Write temporary files until nothing is left, and go on."""
        folder = Path(tempfile.gettempdir())
        for number in range(100_000):
            try:
                (folder / f"filler-{number}").write_bytes(bytes(8 * _MIB))
            except OSError:
                time.sleep(0.05)

    def prints_a_gigabyte(self) -> None:
        """Print 1 GiB, some of it in the form of the runner's own messages."""
        line = b"\x00\x00\x00\x00\x00\x00\x00\x01" + b"x" * (_MIB - 8)
        for _ in range(1024):
            os.write(1, line)
            os.write(2, line[:100])


class Faulty(Faults, Method):
    """Does one bad thing.

    Args:
        fault: what, the name of a method of `Faults`.
        marker: a file that a process left behind would write, if it lived.
    """

    name: ClassVar[str] = "faulty"

    def __init__(self, fault: str = "nothing", marker: str = "") -> None:
        self.fault = fault
        self.marker = marker

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Do it."""
        found = getattr(self, self.fault)()
        return found if isinstance(found, FittedMethod) else Zeros()


# What the table of `reliability.py` says of each.
INJECTIONS = {
    name: (method.__doc__ or "").rstrip(".")
    for name, method in vars(Faults).items()
    if callable(method) and name != "nothing"
}
# Those that only a time limit ends.
ENDLESS = (
    "endless_python",
    "endless_holding_the_lock",
    "ignores_signals",
    "waits_with_a_child",
)
FILLS_THE_DISK = "fills_the_disk"
