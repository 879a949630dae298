"""The worker process: forks two processes for every group of cells.

It is itself forked, from a process that has imported everything (`worker_template.py`). It reads
(cells, device, time limit) from one pipe and writes the results to another. One process, the
scoring process, samples the tasks and computes the metrics; the other runs the method's code and is
sent training data and actions only (`isolation/`). Each leads a process group of its own, so that
cells over their limit are ended with everything they started; one that dies takes nothing else with
it. When the runner goes away, the input ends, and so do all of them.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import pickle
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO, Literal

import cloudpickle
import torch
from threadpoolctl import threadpool_limits

from rep4ex_bench.records import provenance
from rep4ex_bench.registry import (
    DIAGNOSTICS,
    METHODS,
    REPRESENTATIONS,
    SCENARIOS,
    SECOND_STAGES,
)
from rep4ex_bench.running.cell import CELL_THREADS, run_cell, run_cells
from rep4ex_bench.running.executors.frames import Reply, Request, read_frame, write_frame
from rep4ex_bench.running.executors.limit_watch import LimitWatch
from rep4ex_bench.running.isolation.channel import Channel
from rep4ex_bench.running.isolation.confinement import hide_memory
from rep4ex_bench.running.isolation.fork_server import SCRATCH_PREFIX, ForkServer
from rep4ex_bench.running.isolation.leftover_processes import end_descendants
from rep4ex_bench.running.isolation.limits import adopt_orphans, end_with_parent, limit_memory
from rep4ex_bench.running.isolation.output import Output, flush_output, use_output
from rep4ex_bench.running.isolation.remote_method import MethodProcessDiedError, RemoteMethod
from rep4ex_bench.running.suite import parse_suite

_TICK_SECONDS = 0.2
_SECONDS_FOR_ROOM = 10.0
_FIRST_CELL = """\
name = "first"
seeds = 1
[[scenarios]]
name = "linear_action"
parameters = { n = 20, outcome = "bump" }
[[methods]]
name = "constant_mean"
"""
_METHOD_DIED = b"the process of the method ended"
_NO_FORK_SERVER = "the process that starts methods was ended while the method ran"


def prepare() -> None:
    """Set up what every worker has, before any is forked."""
    torch.set_num_threads(CELL_THREADS)
    threadpool_limits(CELL_THREADS)
    warm_up()
    # a method that prints must not write into what the runner shows
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)


def serve(requests: BinaryIO, replies: BinaryIO, confined: bool) -> None:
    """Serve cells until the requests end.

    Args:
        requests: pickled `Request` in frames.
        replies: for a pickled `Reply` each.
        confined: whether methods lose the network and get a scratch home.
    """
    # forked before anything is read: what methods run in has never held a cell
    fork_server = ForkServer([requests.fileno(), replies.fileno()], confined)
    if confined:
        hide_memory()
    adopt_orphans()
    while (frame := read_frame(requests)) is not None:
        request: Request = pickle.loads(frame)
        sys.path[:] = request.path
        reply = _run_in_child(request, requests.fileno(), replies.fileno(), fork_server)
        if reply is None:
            return
        write_frame(replies, pickle.dumps(reply))
        if fork_server.is_gone():  # the executor starts another worker
            return


def warm_up() -> None:
    """Import and set up what cells need, once: else every child would, and seconds would count it.

    Our own components only; a plug-in is imported by the child that runs it. No backward pass: its
    threads would not survive the fork.
    """
    for registry in (SCENARIOS, METHODS, REPRESENTATIONS, SECOND_STAGES, DIAGNOSTICS):
        registry.load_built_in()
    provenance.look_up()
    (cell,) = parse_suite(_FIRST_CELL, "the first cell").cells()
    own = tuple(one for one in cell.diagnostics if not isinstance(one, str))
    # libraries import and allocate at first use: it took 15 ms a cell
    run_cell(replace(cell, diagnostics=own), "cpu")
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    torch.optim.Adam([parameter]).step()  # torch imports half of itself at the first step


def _run_in_child(
    request: Request, runner: int, replies: int, fork_server: ForkServer
) -> Reply | None:
    """Return the reply of a group of cells, or None if the runner went away meanwhile.

    `runner` and `replies` are the worker's input and output: the runner must see them end with the
    worker, so that the child may not hold them.
    """
    reading, writing = os.pipe()
    of_method_reading, of_method_writing = os.pipe()
    scratch = _scratch_folder()
    # two pipes: who holds one could read what is in it, and scoring knows the truth
    of_method_output, output = outputs = (Output(), Output())
    connection = fork_server.start(request.process_memory, scratch, of_method_output.writing)
    worker = os.getpid()
    child = os.fork()  # while the fork server does: each takes milliseconds
    if child == 0:
        end_with_parent(worker)
        gc.freeze()  # a collection would touch, and so copy, every page of what was there before
        for descriptor in (reading, runner, replies, of_method_writing):
            os.close(descriptor)
        for descriptor in (of_method_output.writing, *(one.reading for one in outputs)):
            os.close(descriptor)
        use_output(output.writing)
        _child(request, writing, Channel(connection), of_method_reading)
    for descriptor in (writing, of_method_reading):
        os.close(descriptor)
    connection.close()
    for one in outputs:
        one.close_writing()
    started = str(fork_server.started()).encode()
    with contextlib.suppress(BrokenPipeError):  # cells that cannot be unpacked have ended it by now
        os.write(of_method_writing, started)
    os.close(of_method_writing)
    limit_watch = LimitWatch({fork_server.process}, request.memory_bytes, scratch)
    of_method = 0
    try:
        ended = _collect(child, reading, runner, request.seconds, limit_watch, fork_server, outputs)
    finally:
        os.close(reading)
        # the whole group: children that the method left behind end with it
        for end in (os.killpg, os.kill):
            try:
                end(child, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        # both end at the same time: each takes milliseconds to give back its memory
        if not fork_server.is_gone():
            of_method = fork_server.end()
        _, status = os.waitpid(child, 0)
        end_descendants({fork_server.process})
        shutil.rmtree(scratch, ignore_errors=True)
        printed = "\n".join(text for one in outputs if (text := one.close()))
    if isinstance(ended, str):
        return None
    return replace(_reply(ended, of_method, status), output=printed)


def _reply(ended: bytes | Reply, of_method: int, status: int) -> Reply:
    """Return the reply to what the child wrote, or why it had to end."""
    if isinstance(ended, Reply):
        return ended
    # a process that died in the middle of writing left no whole frame
    result = read_frame(io.BytesIO(ended))
    if result == _METHOD_DIED:
        return Reply(status="failed", error=_cause_of_death(of_method))
    if result is not None:
        return Reply(result=result)
    return Reply(status="failed", error=_cause_of_death(status))


def _scratch_folder() -> str:
    """Return a new folder for temporary files; a full disk may have room again soon.

    Raises:
        OSError: it has not.
    """
    deadline = time.monotonic() + _SECONDS_FOR_ROOM
    while True:
        try:
            return tempfile.mkdtemp(prefix=SCRATCH_PREFIX)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_TICK_SECONDS)


def _child(request: Request, writing: int, channel: Channel, of_method: int) -> None:
    """Run the cells, write their results as one frame and leave without the parent's clean-up.

    From `of_method` the id of the method's process can be read.
    """
    try:
        os.setsid()
        if request.process_memory:
            limit_memory(request.process_memory)
        try:
            cells, device = cloudpickle.loads(request.cells)
            process = int(os.read(of_method, 20))
            for method in {id(cell.method): cell.method for cell in cells}.values():
                if isinstance(method, RemoteMethod):
                    method.connect(channel, process)
            content = pickle.dumps(run_cells(cells, device))
        except MethodProcessDiedError:
            content = _METHOD_DIED
        except BaseException as error:
            content = pickle.dumps(f"{type(error).__name__}: {error}")
        flush_output()
        with os.fdopen(writing, "wb") as stream:
            write_frame(stream, content)
    finally:
        # no status: what counts is the frame, and the worker may end this process before its exit
        os._exit(0)


def _collect(
    child: int,
    reading: int,
    runner: int,
    seconds: float,
    limit_watch: LimitWatch,
    fork_server: ForkServer,
    outputs: Sequence[Output],
) -> bytes | Reply | Literal["runner"]:
    """Return what the child wrote, or why it must end, or that the runner went away."""
    chunks: list[bytes] = []
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        heard = [reading, runner, *(one.reading for one in outputs if one.is_open)]
        ready, _, _ = select.select(heard, [], [], min(left, _TICK_SECONDS))
        for output in outputs:
            if output.reading in ready:
                output.take()
        if reading in ready:
            chunk = os.read(reading, 1 << 20)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
        elif runner in ready:  # no request comes while one is served: this is the end of input
            return "runner"
        elif _has_ended(child) and not select.select([reading], [], [], 0)[0]:
            # it is gone, but something it started holds the pipe open
            return b"".join(chunks)
        if (broken := limit_watch.look()) is not None:
            return broken
        if fork_server.is_gone():
            return Reply(status="failed", error=_NO_FORK_SERVER)
    return Reply(status="timeout", error=f"over the time limit of {seconds:g} seconds")


def _has_ended(child: int) -> bool:
    """Say whether the child is a zombie, without reaping it (its group must still be killed)."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, child, flags) is not None


def _cause_of_death(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"the process of the cell was ended by {signal.Signals(number).name}"
    return f"the process of the cell left with exit status {os.WEXITSTATUS(status)}, no result"
