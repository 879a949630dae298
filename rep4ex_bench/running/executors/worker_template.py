"""The program that workers are forked from: it imports everything once, for all of them.

Run as ``python -m rep4ex_bench.running.executors.worker_template DESCRIPTOR``, of a socket on which
orders come (`worker_start.py`). It never reads a cell.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import select
import signal
import socket
import sys
import tempfile

from rep4ex_bench.running.executors import worker
from rep4ex_bench.running.executors.frames import LENGTH, NUMBER, Order

_IDLE_SECONDS = 300.0


def main() -> None:
    """Import everything, then fork workers until the runner is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    worker.prepare()
    gc.freeze()  # a collection would touch, and so copy, every page of what all workers share
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps workers
    while _waits_for_order(control):
        content, files, _, _ = socket.recv_fds(control, LENGTH.size, 2)
        if len(content) < LENGTH.size:
            return
        (length,) = LENGTH.unpack(content)
        order: Order = pickle.loads(control.recv(length, socket.MSG_WAITALL))
        child = os.fork()
        if child == 0:
            _be_worker(control, order, files)
        for descriptor in files:
            os.close(descriptor)
        control.sendall(NUMBER.pack(child))


def _waits_for_order(control: socket.socket) -> bool:
    """Wait for an order or the runner's end; False where neither came and no worker is left."""
    while not select.select([control], [], [], _IDLE_SECONDS)[0]:
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
    return True


def _be_worker(control: socket.socket, order: Order, files: list[int]) -> None:
    """Serve cells; leave without the template's clean-up."""
    try:
        control.close()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(order.environment)
        tempfile.tempdir = None  # looked for anew, by these variables
        with contextlib.suppress(OSError):
            os.chdir(order.folder)
        requests, replies = files
        worker.serve(os.fdopen(requests, "rb"), os.fdopen(replies, "wb"), order.confined)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
