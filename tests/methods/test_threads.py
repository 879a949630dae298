"""Fits have one thread, whatever the caller has, who gets the numbers that a run gives."""

import threading

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from rep4ex_bench import fit_threads, get_scenario
from rep4ex_bench.conformance import quick
from rep4ex_bench.errors import UsageError
from rep4ex_bench.method import Method, OracleMethod
from rep4ex_bench.registry import METHODS
from rep4ex_bench.threads import on_fit_threads


@pytest.fixture(scope="module")
def task():
    return get_scenario("linear_action", n=1000, outcome="bump").sample(0)


@pytest.fixture(autouse=True)
def _as_before():
    before = torch.get_num_threads()
    with threadpool_limits(before):
        yield
    torch.set_num_threads(before)


def use(threads):
    """Give this process so many threads, as a notebook on a machine of so many cores has them."""
    threadpool_limits(threads)
    torch.set_num_threads(threads)


def state():
    """Return the threads of torch and of every library, sorted."""
    return torch.get_num_threads(), sorted(one["num_threads"] for one in threadpool_info())


def fitted(method, task):
    if isinstance(method, OracleMethod):
        return method.fit_with_oracle(task.train, task.oracle, 3, "cpu")
    return method.fit(task.train, 3, "cpu")


class FirstLookError(Exception):
    """Somebody looked at the data."""


class Data:
    """Data or an oracle; notes the threads of whoever looks at it first."""

    def __init__(self):
        self.threads = 0

    def __getattr__(self, name):
        if name in ("train", "oracle"):
            return self
        self.threads = torch.get_num_threads()
        raise FirstLookError


@pytest.mark.parametrize("name", METHODS.own_names())
def test_every_method_of_this_package_computes_with_one_thread(name):
    method, data = quick(METHODS.get(name)), Data()
    use(2)
    with pytest.raises(FirstLookError):
        fitted(method, data)
    assert data.threads == 1
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("name", ["rep4ex", "rep4ex_oracle_penalty"])
def test_a_fit_among_many_threads_has_the_bits_of_one(name, task):
    method = quick(METHODS.get(name))
    queries = torch.from_numpy(task.queries.actions).float()
    use(1)
    alone = fitted(method, task)
    use(2)
    before = state()
    among_two = fitted(method, task)
    assert state() == before
    assert before[0] == 2
    use(1)
    assert np.array_equal(alone.predict_do(queries), among_two.predict_do(queries))


class Counting(Method):
    """Keeps the numbers of threads that it is fitted with."""

    name = "counting"
    needs = frozenset()

    def __init__(self, seen=None, wait=None):
        self.seen, self.wait = seen, wait

    @on_fit_threads
    def fit(self, train, seed=0, device="auto"):
        self.seen.append(state())
        if self.wait:
            self.wait()
            self.seen.append(state())
        if train is None:
            raise RuntimeError("no data")


def test_a_fit_has_one_thread_or_as_many_as_it_is_given(task):
    seen = []
    use(2)
    method = Counting(seen)
    method.fit(task.train)
    with fit_threads(3):
        method.fit(task.train)
    method.fit(task.train)
    for (threads, libraries), expected in zip(seen, (1, 3, 1), strict=True):
        assert threads == expected
        assert set(libraries) == {expected}
    with pytest.raises(RuntimeError, match="no data"):
        method.fit(None)
    assert state()[0] == 2  # put back after a fit that fails, too
    for wrong in (0, 1.5, True, "2"):
        with pytest.raises(UsageError, match="integer of at least 1"), fit_threads(wrong):
            pass


def test_fits_at_the_same_time_put_the_threads_back_once(task):
    """The first to end must not give threads to those that still run."""
    use(2)
    first_is_in, second_is_out = threading.Event(), threading.Event()
    seen = []

    def wait():
        first_is_in.set()
        assert second_is_out.wait(60)

    long = threading.Thread(target=Counting(seen, wait).fit, args=(task.train,))
    long.start()
    assert first_is_in.wait(60)
    Counting([]).fit(task.train)
    second_is_out.set()
    long.join()
    assert [threads for threads, _ in seen] == [1, 1]
    assert state()[0] == 2
