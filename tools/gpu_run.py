"""Running a command within its time, so that what it had written when it was stopped is kept."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gpu_ledger import ROOT

Countdown = Callable[[], float]  # the seconds that are left

_POLL_SECONDS = 0.5
_GRACE_SECONDS = 20.0
# Set when somebody asks to stop: every command that runs is stopped.
STOPPING = threading.Event()


@dataclass(frozen=True)
class Ended:
    """Exit status (negative: the signal that ended it), seconds, and whether it was stopped."""

    status: int
    seconds: float
    stopped: bool


def run(
    command: list[str], seconds: float, log: Path, tick: Callable[[], object] = lambda: None
) -> Ended:
    """Run a command in the repository, its output in a file.

    When the time is over it is interrupted as by the keyboard, so that it can write what it has,
    and killed if it does not end then.

    Args:
        command: program and arguments.
        seconds: of the clock.
        log: takes its output.
        tick: called twice a second.
    """
    start = time.monotonic()
    stopped = False
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
            tick()
            if time.monotonic() - start > seconds or STOPPING.is_set():
                stopped = process.poll() is None
                _stop(process)
    return Ended(process.returncode, round(time.monotonic() - start, 1), stopped)


def stop_when_asked() -> None:
    """From now on, an interrupt or a request to end stops commands; what they had is kept."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: STOPPING.set())


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process and all of its session."""
    for number, patience in ((signal.SIGINT, _GRACE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
