"""Forked processes in which contenders run, so that a crash of one loses no other's results.

A child leads a process group of its own and writes to a log file; what it says comes through a
pipe. It is the first that the system ends when memory runs out.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from rep4ex_bench.running.isolation.limits import end_with_parent

_FORK = multiprocessing.get_context("fork")
_FIRST_TO_END = "1000"
_JOIN_SECONDS = 10.0


@dataclass(frozen=True)
class Death:
    """How a child ended before it had answered: "timeout", "out_of_memory" or "failed"."""

    status: str
    error: str


class Child:
    """A forked process that runs `main(connection, *arguments)`."""

    def __init__(
        self, log: Path, environment: dict[str, str], main: Callable[..., None], *arguments: Any
    ) -> None:
        self._log, self._log_start = log, log.stat().st_size if log.exists() else 0
        self._connection, other = _FORK.Pipe()
        self._process = _FORK.Process(
            target=_run,
            args=(os.getpid(), other, self._connection, log, environment, main, arguments),
            daemon=False,
        )
        self._process.start()
        other.close()

    def send(self, message: Any) -> None:
        """Send a message; a dead child is noticed by `receive`."""
        with contextlib.suppress(OSError):
            self._connection.send(message)

    def receive(self, seconds: float) -> Any:
        """Return the next message, or the `Death` of the child, which is then gone."""
        try:
            if self._connection.poll(seconds):
                return self._connection.recv()
        except (EOFError, OSError):
            return self._death()
        self.close()
        return Death("timeout", f"nothing came for {seconds:.0f} s")

    @staticmethod
    def wait_for_any(children: Sequence[Child], seconds: float) -> list[Child]:
        """Return those that have said something or are dead; none where the time passes first."""
        by_connection = {child._connection: child for child in children}
        return [by_connection[ready] for ready in wait(list(by_connection), seconds)]  # type: ignore[index]

    def close(self) -> None:
        """End the child and everything that it started."""
        pid = self._process.pid
        for end in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if pid is not None:
                    end(pid, signal.SIGKILL)
        self._process.join(_JOIN_SECONDS)
        self._connection.close()

    def _death(self) -> Death:
        self._process.join(_JOIN_SECONDS)
        code = self._process.exitcode
        self.close()
        if code == -signal.SIGKILL:
            return Death("out_of_memory", "the process was killed: most likely out of memory")
        if code is not None and code < 0:
            return Death("failed", f"the process was ended by {signal.Signals(-code).name}")
        found = f"the process left with exit status {code}"
        said = self._last_line()
        return Death("failed", f"{found}: {said}" if said else found)

    def _last_line(self) -> str:
        """Return the last line that was written to the log since the start: what was raised."""
        with contextlib.suppress(OSError), self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""


def _run(
    parent: int,
    connection: Connection,
    others: Connection,
    log: Path,
    environment: dict[str, str],
    main: Callable[..., None],
    arguments: tuple[Any, ...],
) -> None:
    others.close()
    os.setsid()
    end_with_parent(parent)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_END)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    # a notebook's or a test's streams do not write to descriptors 1 and 2
    sys.stdout = sys.stderr = os.fdopen(descriptor, "w", buffering=1, errors="replace")
    os.environ.update(environment)
    main(connection, *arguments)
