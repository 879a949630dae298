"""Forks processes of methods from one that was forked itself before any cell was read."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import tempfile
from collections.abc import Sequence

from rep4ex_bench.isolation.channel import Channel
from rep4ex_bench.isolation.confinement import close_network, use_scratch
from rep4ex_bench.isolation.contestant import Contestant

_NUMBER = struct.Struct(">q")
_START, _END = b"s", b"e"


class Forker:
    """The worker's handle on the forker; one method process at a time.

    Args:
        keep_out: file descriptors of the worker that no method may have.
        confined: whether methods get a scratch home and no network, as far as the system allows.
    """

    def __init__(self, keep_out: Sequence[int], confined: bool) -> None:
        self._control, theirs = socket.socketpair()
        if os.fork() == 0:
            try:
                self._control.close()
                for descriptor in keep_out:
                    os.close(descriptor)
                _serve(theirs, confined)
            finally:
                os._exit(0)
        theirs.close()

    def start(self) -> tuple[socket.socket, int]:
        """Start a method's process; return the judge's end of the channel, and its process id."""
        judge, contestant = socket.socketpair()
        with contestant:
            socket.send_fds(self._control, [_START], [contestant.fileno()])
        return judge, self._answer()

    def end(self) -> int:
        """End the method's process and all that it started; return its wait status."""
        self._control.sendall(_END)
        return self._answer()

    def _answer(self) -> int:
        content = self._control.recv(_NUMBER.size, socket.MSG_WAITALL)
        if len(content) < _NUMBER.size:
            raise RuntimeError("the forker of the methods' processes is gone")
        return int(_NUMBER.unpack(content)[0])


def _serve(control: socket.socket, confined: bool) -> None:
    """Start and end method processes until the worker is gone."""
    child, scratch = 0, ""
    while True:
        order, files, _, _ = socket.recv_fds(control, 1, 1)
        if child:
            status = _reap(child)
            shutil.rmtree(scratch, ignore_errors=True)
            child = 0
            if order == _END:
                control.sendall(_NUMBER.pack(status))
        if not order:
            return
        if order == _START:
            scratch = tempfile.mkdtemp(prefix="rep4ex-bench-") if confined else ""
            child = os.fork()
            if child == 0:
                _contest(control, files[0], scratch)
            os.close(files[0])
            control.sendall(_NUMBER.pack(child))


def _contest(control: socket.socket, descriptor: int, scratch: str) -> None:
    """Be the method's process; leave without the parent's clean-up."""
    try:
        control.close()
        os.setsid()
        if scratch:
            use_scratch(scratch)
            close_network()
        Contestant(Channel(socket.socket(fileno=descriptor))).serve()
        os._exit(0)
    finally:
        os._exit(1)


def _reap(child: int) -> int:
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]
