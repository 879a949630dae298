"""Forks processes of methods from one that was forked itself before any cell was read."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import socket
import struct
from collections.abc import Sequence

from rep4ex_bench.running.isolation.channel import Channel
from rep4ex_bench.running.isolation.confinement import close_network, use_scratch, use_temporary
from rep4ex_bench.running.isolation.leftover_processes import end_descendants
from rep4ex_bench.running.isolation.limits import adopt_orphans, end_with_parent, limit_memory
from rep4ex_bench.running.isolation.method_process import MethodProcess
from rep4ex_bench.running.isolation.output import use_output

_NUMBER = struct.Struct(">q")
_TERMS = struct.Struct(">qH")  # memory limit (0: none), length of the name of the scratch folder
_START, _END = b"s", b"e"
SCRATCH_PREFIX = "rep4ex-bench-"


class ForkServer:
    """The worker's handle on the fork server; one method process at a time.

    Args:
        keep_out: file descriptors of the worker that no method may have.
        confined: whether methods get a scratch home and no network, as far as the system allows.
    """

    def __init__(self, keep_out: Sequence[int], confined: bool) -> None:
        self._control, theirs = socket.socketpair()
        self.process = os.fork()
        if self.process == 0:
            try:
                self._control.close()
                for descriptor in keep_out:
                    os.close(descriptor)
                _serve(theirs, confined)
            finally:
                os._exit(0)
        theirs.close()

    def start(self, memory_bytes: int, scratch: str, output: int | None = None) -> socket.socket:
        """Have a method's process started; return the scoring process's end of the channel.

        `started` must be called next. It takes some milliseconds, in which others can be done.

        Args:
            memory_bytes: most memory that one process may allocate; 0 for no limit.
            scratch: folder for its temporary files; one whose name starts with `SCRATCH_PREFIX` is
                removed if the worker ends without having done so.
            output: file descriptor that it prints to; None is the worker's own output.
        """
        judge, method_process = socket.socketpair()
        name = os.fsencode(scratch)
        with method_process:
            files = [method_process.fileno(), *([] if output is None else [output])]
            socket.send_fds(self._control, [_START], files)
            self._control.sendall(_TERMS.pack(memory_bytes, len(name)) + name)
        return judge

    def started(self) -> int:
        """Return the id of the process that `start` had started, when it is there."""
        return self._answer()

    def end(self) -> int:
        """End the method's process and all that it started; return its wait status."""
        self._control.sendall(_END)
        return self._answer()

    def is_gone(self) -> bool:
        """Say whether the fork server has ended: something killed it, and methods cannot start."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process, flags) is not None

    def _answer(self) -> int:
        content = self._control.recv(_NUMBER.size, socket.MSG_WAITALL)
        if len(content) < _NUMBER.size:
            raise RuntimeError("the fork server of the methods' processes is gone")
        return int(_NUMBER.unpack(content)[0])


def _serve(control: socket.socket, confined: bool) -> None:
    """Start and end method processes until the worker is gone."""
    adopt_orphans()
    child, fork_server, scratch = 0, os.getpid(), ""
    while True:
        order, files, _, _ = socket.recv_fds(control, 1, 2)
        if child:
            status = _reap(child)
            child = 0
            if order == _END:
                control.sendall(_NUMBER.pack(status))
        if not order:
            # a worker that was killed could not remove it; no other folder is ours to remove
            if os.path.basename(scratch).startswith(SCRATCH_PREFIX):
                shutil.rmtree(scratch, ignore_errors=True)
            return
        if order == _START:
            memory_bytes, length = _TERMS.unpack(control.recv(_TERMS.size, socket.MSG_WAITALL))
            scratch = os.fsdecode(control.recv(length, socket.MSG_WAITALL))
            child = os.fork()
            if child == 0:
                end_with_parent(fork_server)
                gc.freeze()  # as in the scoring process: older objects are left alone
                _contest(control, files, memory_bytes, scratch, confined)
            for file in files:
                os.close(file)
            control.sendall(_NUMBER.pack(child))


def _contest(
    control: socket.socket, files: Sequence[int], memory_bytes: int, scratch: str, confined: bool
) -> None:
    """Be the method's process; leave without the parent's clean-up."""
    try:
        control.close()
        os.setsid()
        channel, *output = files
        if output:
            use_output(*output)
        use_temporary(scratch)
        if confined:
            use_scratch(scratch)
            close_network()
        if memory_bytes:
            limit_memory(memory_bytes)
        MethodProcess(Channel(socket.socket(fileno=channel))).serve()
        os._exit(0)
    finally:
        os._exit(1)


def _reap(child: int) -> int:
    """End a method's process and all that descends from it; return its wait status."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            end(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    end_descendants(set())
    return status
