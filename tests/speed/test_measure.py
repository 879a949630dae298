"""Contenders that lie are caught; honest ones are not; the order is random and repeatable."""

import re
import threading
import time

import numpy as np
import pytest
import torch

from rep4ex_bench.speed.contender import Contender, UnsupportedWorkloadError
from rep4ex_bench.speed.contenders.naive_torch import NaiveTorch
from rep4ex_bench.speed.measure import measure
from rep4ex_bench.speed.protocol import Protocol
from rep4ex_bench.speed.workload import make_workload

PROTOCOL = Protocol(rounds=4, fewest_rounds=3, budget_seconds=1.0, shortest_seconds=2e-4)
WORKLOAD = make_workload("mmr_penalty", 64, 2, 3)


class Wrapped(Contender):
    """Does something to the honest outputs of the naive form."""

    name = "wrapped"

    def prepare(self, workload, *constants):
        honest = NaiveTorch().prepare(workload, *constants)
        self.asked = 0

        def step(*inputs):
            self.asked += 1
            return self.answer(lambda: honest(*inputs), inputs)

        return step

    def answer(self, compute, inputs):
        return compute()


class Wrong(Wrapped):
    name = "wrong"

    def answer(self, compute, inputs):
        value, gradient = compute()
        return value, gradient * 1.01


class WrongWhenTimed(Wrapped):
    """Right at first, when it is checked; wrong when it counts."""

    name = "wrong_when_timed"

    def answer(self, compute, inputs):
        value, gradient = compute()
        return (value, gradient) if self.asked <= 2 else (value, gradient * 0)


class Caching(Wrapped):
    """Computes once and returns that for ever."""

    name = "caching"
    known = None

    def answer(self, compute, inputs):
        if self.known is None:
            self.known = compute()
        return self.known


class LazyArray:
    """An array that is computed when somebody looks at it."""

    def __init__(self, compute, number):
        self.compute, self.number = compute, number

    def __array__(self, dtype=None, copy=None):
        time.sleep(0.02)
        return np.asarray(self.compute()[self.number])


class Lazy(Wrapped):
    name = "lazy"

    def answer(self, compute, inputs):
        return LazyArray(compute, 0), LazyArray(compute, 1)


class LazyTensor(torch.Tensor):
    """A tensor that is computed when somebody reads it."""

    compute = None

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func.__name__ in ("copy_", "detach"):
            time.sleep(0.02)
        return super().__torch_function__(func, types, args, kwargs or {})


class LazySubclass(Wrapped):
    name = "lazy_subclass"

    def answer(self, compute, inputs):
        return tuple(tensor.as_subclass(LazyTensor) for tensor in compute())


class FilledLater(Wrapped):
    """Hands over empty tensors, which a thread fills while nobody measures."""

    name = "filled_later"

    def answer(self, compute, inputs):
        value, gradient = compute()
        if self.asked <= 2:
            return value, gradient
        empty = torch.zeros_like(gradient)

        def fill():
            time.sleep(0.05)
            empty.copy_(gradient)

        thread = threading.Thread(target=fill)
        thread.start()
        self.threads = [*self.__dict__.get("threads", []), thread]
        return value, empty


class WrongShape(Wrapped):
    name = "wrong_shape"

    def answer(self, compute, inputs):
        value, gradient = compute()
        return value, gradient.sum(0)


class NotANumber(Wrapped):
    name = "not_a_number"

    def answer(self, compute, inputs):
        value, gradient = compute()
        return value * float("nan"), gradient


class Spoiling(Wrapped):
    """Honest, but overwrites its inputs, which are its own."""

    name = "spoiling"

    def answer(self, compute, inputs):
        result = compute()
        for tensor in inputs:
            tensor.zero_()
        return result


class Raising(Wrapped):
    name = "raising"

    def answer(self, compute, inputs):
        raise LookupError("no such thing")


class Greedy(Wrapped):
    name = "greedy"

    def answer(self, compute, inputs):
        raise MemoryError("not enough memory for this")


class Picky(Wrapped):
    name = "picky"

    def prepare(self, workload, *constants):
        raise UnsupportedWorkloadError("not these data")


class Slow(Wrapped):
    name = "slow"

    def answer(self, compute, inputs):
        end = time.process_time() + 0.03
        while time.process_time() < end:
            pass
        return compute()


def outcomes(*contenders, protocol=PROTOCOL, seed=0):
    chosen = [NaiveTorch(), *contenders]
    measured = measure(WORKLOAD, chosen, protocol, seed, lambda *_: None)
    return {outcome.contender: outcome for outcome in measured.outcomes}


@pytest.mark.parametrize(
    ("contender", "message"),
    [
        (Wrong, "relative error of the gradient 1.0e-02, at most 1e-03"),
        (WrongWhenTimed, r"relative error of the gradient 1\.0e\+00, at most 1e-03 \(round 0\)"),
        (Caching, "relative error of the value"),
        (WrongShape, r"shape \(64, 3\) expected, got \(3,\)"),
        (NotANumber, "relative error of the value nan"),
    ],
)
def test_a_wrong_result_is_not_timed(contender, message):
    found = outcomes(contender())
    bad = found[contender.name]
    assert bad.status == "failed"
    assert bad.error.startswith("wrong result: ")
    assert re.search(message, bad.error)
    assert not bad.timings
    assert found["naive_torch"].status == "ok"


def test_outputs_that_are_filled_in_later_are_seen():
    contender = FilledLater()
    bad = outcomes(contender)["filled_later"]
    for thread in contender.threads:
        thread.join()
    assert bad.status == "failed"
    assert not bad.timings


@pytest.mark.parametrize("contender", [Lazy, LazySubclass])
def test_lazy_outputs_are_computed_while_the_clock_runs(contender):
    found = outcomes(contender())
    assert found[contender.name].status == "ok"
    seconds = [timing.wall for timing in found[contender.name].timings.values()]
    assert min(seconds) > 0.02  # of its sleep when read


def test_nobody_spoils_the_inputs_of_others():
    found = outcomes(Spoiling(), Spoiling())
    assert {outcome.status for outcome in found.values()} == {"ok"}


@pytest.mark.parametrize(
    ("contender", "status", "error"),
    [
        (Raising, "failed", "LookupError: no such thing (test_measure.py:"),
        (Greedy, "out_of_memory", "MemoryError: not enough memory"),
        (Picky, "skipped", "not these data"),
    ],
)
def test_what_a_contender_raises_is_its_own_outcome(contender, status, error):
    found = outcomes(contender())
    assert found[contender.name].status == status
    assert found[contender.name].error.startswith(error)
    assert found["naive_torch"].status == "ok"


def test_a_long_message_keeps_its_begin_and_its_end():
    class Compiling(Wrapped):
        name = "compiling"

        def answer(self, compute, inputs):
            raise ValueError("at 3:4:\n" + "a line of the source\n" * 1000 + "the cause")

    error = outcomes(Compiling())["compiling"].error
    assert error.startswith("ValueError: at 3:4: (test_measure.py:")
    assert error.endswith("the cause")
    assert len(error) < 5000


def test_a_slow_contender_has_fewer_rounds_and_a_too_slow_one_none():
    few = Protocol(rounds=6, fewest_rounds=2, budget_seconds=0.05, shortest_seconds=2e-4)
    found = outcomes(Slow(), protocol=few)
    assert sorted(found["slow"].timings) == [0, 1]
    assert len(found["naive_torch"].timings) == 6
    impatient = Protocol(
        rounds=3, fewest_rounds=2, budget_seconds=1, call_limit_seconds=0.02, shortest_seconds=2e-4
    )
    slow = outcomes(Slow(), protocol=impatient)["slow"]
    assert slow.status == "timeout"
    assert "a call took" in slow.error
    assert not slow.timings


def test_an_honest_contender_has_every_number():
    naive = outcomes()["naive_torch"]
    assert sorted(naive.timings) == [0, 1, 2, 3]
    assert all(t.process > 0 and t.wall > 0 for t in naive.timings.values())
    assert 0 < naive.value_error < 1e-4
    assert 0 < naive.gradient_error < 1e-3
    assert naive.first_call_seconds > 0
    assert naive.peak_extra_bytes >= 0


def test_the_order_is_random_and_a_function_of_the_seed():
    def order(seed):
        calls = []

        class Logging(Wrapped):
            def __init__(self, letter="a"):
                self.letter = letter

            def answer(self, compute, inputs):
                calls.append(self.letter)
                return compute()

        class A(Logging):
            name = "a"

        class B(Logging):
            name = "b"

        class C(Logging):
            name = "c"

        once = Protocol(rounds=8, fewest_rounds=8, budget_seconds=1, most_calls=1)
        measure(WORKLOAD, [A("a"), B("b"), C("c")], once, seed, lambda *_: None)
        return calls[-24:]  # the rounds

    first = order(0)
    rounds = ["".join(first[i : i + 3]) for i in range(0, 24, 3)]
    assert all(sorted(round_) == ["a", "b", "c"] for round_ in rounds)
    assert len(set(rounds)) > 2
    assert order(0) == first
    assert order(1) != first
