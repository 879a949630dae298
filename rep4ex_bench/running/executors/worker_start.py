"""Starts workers: forks of one program that has imported everything, the template.

Imports and first calls take seconds of processor time; a worker that is forked after them starts
within milliseconds, and shares their memory with the other workers. The template is a program of
its own, started by the runner and used by all later runs of the same process; it never reads a
cell, so that nothing of one run is in the memory of the next. It ends with the runner, when our
source files change, and by itself after some minutes without work.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from rep4ex_bench.running.executors.frames import LENGTH, NUMBER, Order

# For glibc: memory of one training step is kept for the next instead of going back to the kernel,
# which costs a page fault for every 4 KiB of it.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**32)}
_PROGRAM = "rep4ex_bench.running.executors.worker_template"
_PACKAGES = ("rep4ex_bench", "rep4ex_kernels")
_KILL_SECONDS = 2.0
_Sources = tuple[tuple[str, int, int], ...]


class TemplateEndedError(OSError):
    """The template ended before a worker was there; another may be started."""


@dataclass(frozen=True)
class Worker:
    """A worker that was started, as the runner holds it.

    Attributes:
        process: its id. The template reaps it: it may be signalled only while `replies` is open.
        requests: its input.
        replies: its output, which ends when it does.
    """

    process: int
    requests: BinaryIO
    replies: BinaryIO

    def end_input(self) -> None:
        """Let the worker end by itself, with the cell it may be running."""
        with contextlib.suppress(OSError):
            self.requests.close()

    def end(self, seconds: float) -> None:
        """Wait so long for the worker's end, and then end it."""
        output = select.poll()
        output.register(self.replies, 0)  # nothing but its end
        if not output.poll(max(0.0, seconds) * 1000):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)
            output.poll(_KILL_SECONDS * 1000)


class WorkerTemplate:
    """The runner's handle on a template."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", _PROGRAM, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=os.environ | KEEP_MEMORY,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for the runner, which then closes its workers
            )

    def start(self, confined: bool) -> Worker:
        """Return a new worker.

        Raises:
            TemplateEndedError: the template is gone.
        """
        their_requests, our_requests = os.pipe()
        our_replies, their_replies = os.pipe()
        order = pickle.dumps(Order(os.environ | KEEP_MEMORY, _working_folder(), confined))
        try:
            socket.send_fds(
                self._control, [LENGTH.pack(len(order))], [their_requests, their_replies]
            )
            self._control.sendall(order)
            answer = self._control.recv(NUMBER.size, socket.MSG_WAITALL)
        except OSError:
            answer = b""
        finally:
            os.close(their_requests)
            os.close(their_replies)
        if len(answer) < NUMBER.size:
            os.close(our_requests)
            os.close(our_replies)
            raise TemplateEndedError("the process that workers are forked from has ended")
        (process,) = NUMBER.unpack(answer)
        return Worker(process, os.fdopen(our_requests, "wb"), os.fdopen(our_replies, "rb"))

    def close(self) -> None:
        """End the template; workers go on."""
        self._control.close()
        self.process.kill()
        self.process.wait()


class Templates:
    """At most one template, made when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._template: WorkerTemplate | None = None
        self._state: tuple[int, _Sources] = (0, ())

    def start_worker(self, confined: bool) -> Worker:
        """Return a new worker; see `start_worker` below."""
        with self._lock:
            try:
                return self._current().start(confined)
            except TemplateEndedError:  # killed, or without work for too long
                self._forget()
                return self._current().start(confined)

    def close(self) -> None:
        """End the template; the next worker starts another one."""
        with self._lock:
            self._forget()

    def _current(self) -> WorkerTemplate:
        # a process forked from this one has the same handle, and must not use it
        state = (os.getpid(), _state_of_sources())
        if self._template is not None and self._state != state:
            self._forget()
        if self._template is None:
            self._template, self._state = WorkerTemplate(), state
        return self._template

    def _forget(self) -> None:
        if self._template is not None and self._state[0] == os.getpid():
            self._template.close()
        self._template = None


_templates = Templates()


def start_worker(confined: bool) -> Worker:
    """Return a new worker process, forked from this process's template.

    Args:
        confined: whether methods lose the network and their home.

    Raises:
        TemplateEndedError: the template ended twice before the worker was there.
    """
    return _templates.start_worker(confined)


def close_template() -> None:
    """End this process's template; the next worker starts another one."""
    _templates.close()


def _state_of_sources() -> _Sources:
    """Return what changes when a file of ours does: a template of older code is of no use."""
    found = []
    for package in _PACKAGES:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for file in Path(folder).rglob("*.py"):
                with contextlib.suppress(OSError):
                    state = file.stat()
                    found.append((str(file), state.st_mtime_ns, state.st_size))
    return tuple(sorted(found))


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return "/"
