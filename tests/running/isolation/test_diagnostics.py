"""What a method says of its fit crosses as plain data, and is asked after the predictions."""

import dataclasses
import math
import os
import socket
import sys
import threading
from typing import ClassVar

import numpy as np
import pytest
import torch

from rep4ex_bench import FittedMethod, Method
from rep4ex_bench.registry import get_method, get_scenario
from rep4ex_bench.running.cell import run_cell
from rep4ex_bench.running.isolation.channel import Channel
from rep4ex_bench.running.isolation.method_process import MethodProcess
from rep4ex_bench.running.isolation.remote_method import RemoteError, RemoteMethod
from rep4ex_bench.running.suite import parse_suite

ASKED = []  # by the thread that stands for the method's process


class Telling(Method):
    """Says what it is told to, and takes down what it is asked."""

    name: ClassVar[str] = "telling"

    def __init__(self, what="numbers"):
        self.what = what

    def fit(self, train, seed=0, device="auto"):
        ASKED.append("fit")
        return _Telling(self.what)


class _Telling(FittedMethod):
    def __init__(self, what):
        self.what = what

    def predict_do(self, actions):
        ASKED.append("predict")
        return actions.double().sum(dim=1).numpy()

    @property
    def diagnostics(self):
        ASKED.append("diagnostics")
        if self.what == "raises":
            raise KeyError("no")
        if self.what == "no mapping":
            return [1]
        return {
            "backend": "torch",
            "steps": np.int64(7),
            "penalty_weight": math.inf,
            "latent_dim": [2],
        }


@pytest.fixture
def connect():
    one, two = socket.socketpair()

    def connect(method):
        remote = RemoteMethod(method)
        remote.connect(Channel(one), os.getpid())
        threading.Thread(target=MethodProcess(Channel(two)).serve, daemon=True).start()
        return remote

    ASKED.clear()
    yield connect
    one.close()
    two.close()


def telling_cell(remote):
    text = (
        'name = "told"\nseeds = 1\n[[scenarios]]\nname = "linear_action"\n'
        'parameters = { n = 60 }\n[[methods]]\nname = "constant_mean"\n'
    )
    (cell,) = parse_suite(text, "told.toml").cells()
    return dataclasses.replace(cell, method=remote)


def told(records):
    return {r.metric: r for r in records if r.metric.startswith("diagnostic:")}


def test_what_is_said_arrives_and_what_is_no_number_is_a_failure_of_its_own(connect):
    records = run_cell(telling_cell(connect(Telling())), "cpu").records
    found = told(records)
    assert (found["diagnostic:steps"].value, found["diagnostic:steps"].status) == (7.0, "ok")
    assert found["diagnostic:penalty_weight"].value == math.inf
    assert found["diagnostic:latent_dim"].status == "failed"
    assert "no number but list" in found["diagnostic:latent_dim"].error
    assert len(found) == 3
    assert {record.backend for record in records} == {"torch"}
    assert next(r for r in records if r.metric == "nmse_outside").status == "ok"


def test_the_method_is_asked_off_the_clock_only_after_its_predictions(connect):
    run_cell(telling_cell(connect(Telling())), "cpu")
    # once while the clock of the fit runs, for the backend
    assert ASKED == ["fit", "diagnostics", "predict", "diagnostics"]


@pytest.mark.parametrize("what", ["raises", "no mapping"])
def test_one_that_cannot_say_anything_keeps_its_predictions(connect, what):
    records = run_cell(telling_cell(connect(Telling(what))), "cpu").records
    assert next(r for r in records if r.metric == "nmse_outside").status == "ok"
    found = told(records)
    assert {record.status for record in found.values()} == {"failed"}
    expected = {"raises": "KeyError: 'no'", "no mapping": "must be a mapping"}[what]
    assert all(expected in record.error for record in found.values())
    assert {record.backend for record in records} == {""}


def test_an_answer_that_is_no_mapping_does_not_keep_to_the_protocol(connect, monkeypatch):
    monkeypatch.setattr(MethodProcess, "_diagnostics", lambda *_: ({"diagnostics": [1]}, b""))
    task = get_scenario("linear_action", n=60).sample(0)
    remote = connect(Telling())
    remote.open([task.train], sys.path)
    fitted = remote.fit(task.train)
    with pytest.raises(RemoteError, match="does not keep to the protocol"):
        _ = fitted.diagnostics


def test_a_remote_method_says_what_the_method_says(connect):
    task = get_scenario("linear_action", n=400, m=3).sample(0)
    method = get_method("autoencoder", steps=5, hidden=4)
    alone = method.fit(task.train, 5, "cpu")
    remote = connect(method)
    remote.open([task.train], sys.path)
    fitted = remote.fit(task.train, 5, "cpu")
    assert fitted.diagnostics == dict(alone.diagnostics)
    actions = torch.from_numpy(task.queries.actions).float()
    assert np.array_equal(fitted.support_coverage(actions), alone.support_coverage(actions))
