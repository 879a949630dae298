"""The process boundary: what a method's process holds, and what the judge takes from it."""

import contextlib
import os
import socket
import sys
import threading
from dataclasses import replace
from typing import ClassVar

import numpy as np
import psutil
import pytest
import torch

from rep4ex_bench import FittedMethod, Method, TrainingData
from rep4ex_bench.registry import get_method, get_scenario
from rep4ex_bench.running.executors.local import LocalExecutor
from rep4ex_bench.running.isolation.channel import (
    Channel,
    ChannelClosedError,
    ProtocolError,
    array_of,
)
from rep4ex_bench.running.isolation.method_process import MethodProcess
from rep4ex_bench.running.isolation.remote_method import (
    MethodProcessDiedError,
    RemoteError,
    RemoteMemoryError,
    RemoteMethod,
)
from rep4ex_bench.running.isolation.shared_data import read_data, write_data
from rep4ex_bench.running.suite import Suite


def data(n=20, m=3, latent_dim=2):
    rng = np.random.default_rng(n)
    return TrainingData(
        torch.from_numpy(rng.normal(size=(n, 2))),
        torch.from_numpy(rng.normal(size=(n, m))),
        torch.from_numpy(rng.normal(size=n)),
        latent_dim,
    )


@pytest.fixture
def ends():
    one, two = socket.socketpair()
    yield Channel(one), Channel(two)
    one.close()
    two.close()


@pytest.fixture
def connect(ends):
    """A remote method whose code runs in a thread: the protocol without the processes."""
    judge, method_process = ends

    def connect(method):
        remote = RemoteMethod(method)
        remote.connect(judge, os.getpid())
        threading.Thread(target=MethodProcess(method_process).serve, daemon=True).start()
        return remote

    yield connect
    judge.close()


def test_training_data_arrive_bit_for_bit_and_aligned():
    rng = np.random.default_rng(3)
    whole = replace(
        data(21),
        moved_dim=1,
        covariates=rng.normal(size=(21, 2)),
        environment=rng.integers(-(2**40), 2**40, 21),
        time=rng.normal(size=21),
        second_view=rng.normal(size=(21, 1)),
        previous_features=rng.normal(size=(21, 3)),
    )
    trains = [data(), whole, data(33, 5, None)]
    file, layout = write_data(trains)
    read = read_data(file, layout)
    os.close(file)
    for old, new in zip(trains, read, strict=True):
        assert new.content_hash() == old.content_hash()
        assert (new.latent_dim, new.moved_dim) == (old.latent_dim, old.moved_dim)
        assert list(new.tensors()) == list(old.tensors())
        for tensor in new.tensors().values():
            assert tensor.data_ptr() % 64 == 0
    read[0].outcome.add_(1)  # memory of its own


def test_a_remote_method_gives_the_bits_of_the_method(connect):
    task = get_scenario("linear_action", n=100, outcome="bump").sample(1)
    actions = torch.from_numpy(task.queries.actions).float()
    method = get_method("pca")
    alone = method.fit(task.train, 5, "cpu")
    remote = connect(method)
    remote.open([task.train], sys.path)
    fitted = remote.fit(task.train, 5, "cpu")
    assert np.array_equal(fitted.predict_do(actions), alone.predict_do(actions))
    features = task.train.features.double()
    assert np.array_equal(fitted.represent(features), alone.represent(features))
    assert fitted.diagnostics["backend"] == alone.diagnostics.get("backend", "")
    assert remote.get_params() == method.get_params()
    assert (remote.name, remote.version, remote.role) == ("pca", method.version, "method")


class Raising(Method):
    name = "raising"

    def __init__(self, what="predict"):
        self.what = what

    def fit(self, train, seed=0, device="auto"):
        if self.what == "memory":
            raise MemoryError("no room")
        return _Raising()


class _Raising(FittedMethod):
    def predict_do(self, actions):
        raise KeyError("secret of the method")


def test_what_a_method_raises_arrives_as_text(connect):
    remote = connect(Raising())
    remote.open([data()], sys.path)
    fitted = remote.fit(data())
    with pytest.raises(RemoteError, match=r"KeyError: 'secret of the method' \(test_isolation.py:"):
        fitted.predict_do(torch.zeros(2, 2))


def test_running_out_of_memory_stays_what_it_is(connect):
    remote = connect(Raising("memory"))
    remote.open([data()], sys.path)
    with pytest.raises(RemoteMemoryError, match="no room"):
        remote.fit(data())


def answers(ends, *messages):
    """A remote method whose process answers what it is told to, whatever is asked."""
    judge, liar = ends

    def serve():
        for message, content in messages:
            try:
                question, _ = liar.receive()
                if question["do"] == "fit":
                    os.close(liar.receive_file())
                liar.send(message, content)
            except ChannelClosedError:
                return
        liar.close()

    threading.Thread(target=serve, daemon=True).start()
    remote = RemoteMethod(get_method("constant_mean"))
    remote.connect(judge, os.getpid())
    remote.open([data()], sys.path)
    return remote


LOADED = ({}, b"")
FITTED = ({"fits": [{"backend": ""}]}, b"")


@pytest.mark.parametrize(
    "answer",
    [
        ({}, b""),
        ({"dtype": "object", "shape": [2]}, b"\0" * 16),
        ({"dtype": "float64", "shape": [3]}, b"\0" * 16),
        ({"dtype": "float64", "shape": [-1, -1]}, b"\0" * 16),
        ({"dtype": "float64", "shape": "2"}, b"\0" * 16),
        ({"dtype": "float64", "shape": [[2]]}, b"\0" * 16),
        ({"none": True}, b""),
    ],
)
def test_answers_that_are_none_are_the_methods_failure(ends, answer):
    fitted = answers(ends, LOADED, FITTED, answer).fit(data())
    with pytest.raises(RemoteError, match="does not keep to the protocol"):
        fitted.predict_do(torch.zeros(2, 2))


@pytest.mark.parametrize("fits", [None, [], [{}, {}], [1], "x"])
def test_fits_that_are_none_are_the_methods_failure(ends, fits):
    with pytest.raises(RemoteError):
        answers(ends, LOADED, ({"fits": fits}, b"")).fit(data())


def test_a_process_that_goes_away_is_noticed(ends):
    fitted = answers(ends, LOADED, FITTED).fit(data())
    with pytest.raises(MethodProcessDiedError):
        fitted.predict_do(torch.zeros(2, 2))


def test_messages_have_limits(ends):
    one, two = ends
    one.send({"a": 1}, b"12345")
    with pytest.raises(ProtocolError, match="refused"):
        two.receive(most=4)
    with pytest.raises(ProtocolError):
        array_of({"dtype": "float64", "shape": [2] * 5}, b"")


class Curious(Method):
    """Says in its prediction what its process can see: one number a question."""

    name: ClassVar[str] = "curious"

    def fit(self, train, seed=0, device="auto"):
        return _Curious()


class _Curious(FittedMethod):
    def predict_do(self, actions):
        import gc
        import stat
        from pathlib import Path

        from rep4ex_bench.oracle import Oracle
        from rep4ex_bench.running.suite import Cell
        from rep4ex_bench.scenario import Task, Truth

        gc.unfreeze()  # what was there before the fork
        kinds = (Cell, Task, Truth, Oracle)
        held = sum(type(found) in kinds for found in gc.get_objects())
        descriptors = [int(name) for name in os.listdir("/proc/self/fd")]
        lines = 0
        for descriptor in descriptors:
            try:
                mode = os.fstat(descriptor).st_mode
            except OSError:
                continue
            lines += stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode)
        interfaces = len(Path("/proc/net/dev").read_text().splitlines()) - 2
        home_is_empty = not list(Path.home().iterdir())
        at_home = Path.home() == Path.cwd()
        # its own parent is the fork server, which has never held a cell, like the worker's parent
        worker = psutil.Process().parents()[1]
        readable = tried = 0
        for process in [worker, *worker.children(recursive=True)]:
            if process.pid not in (os.getpid(), os.getppid()):
                tried += 1
                with contextlib.suppress(OSError), Path(f"/proc/{process.pid}/mem").open("rb"):
                    readable += 1
        seen = [held, lines, interfaces, home_is_empty, at_home, readable, tried]
        return np.concatenate([seen, np.zeros(len(actions) - len(seen))]).astype(float)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_a_confined_process_holds_nothing_of_its_cell():
    scenario = get_scenario("linear_action", n=60, outcome="bump")
    suite = Suite("s", "", 1, (2**40,), 60.0, ("nmse_outside",), {"s": scenario}, {"c": Curious()})
    results = []
    LocalExecutor("cpu", 1, confined=True).run(
        suite.cells(), lambda cell: None, lambda cell, result: results.append(result)
    )
    (result,) = results
    assert result.predictions is not None, result.records[0].error
    seen = result.predictions["prediction"].to_pylist()
    held, lines, interfaces, home_is_empty, at_home, readable, tried = seen[:7]
    assert tried == 2  # worker and judge
    assert held == 0  # no cell, task, truth or oracle in its memory
    # its channel, and twice the pipe that it alone prints to; none of runner, worker or scoring
    assert lines == 3
    assert home_is_empty
    assert at_home
    from rep4ex_bench.running.isolation.confinement import close_network

    child = os.fork()
    if child == 0:  # can this system close a network at all?
        os._exit(0 if close_network() else 1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        assert interfaces == 1  # its own loopback, down
        assert readable == 0  # neither worker nor judge lets it read their memory
