"""Methods that misbehave, for the tests of the runner. Registered by the tests, not installed."""

import os
import signal
import subprocess
import sys
import time
from typing import ClassVar

import numpy as np

from rep4ex_bench import FittedMethod, Method


class Fixed(FittedMethod):
    """Predicts given values."""

    def __init__(self, values):
        self.values = values

    def predict_do(self, actions):
        return self.values(actions)


class Misbehaving(Method):
    """Does one bad thing.

    Args:
        how: what.
        marker: a file that a left-over child writes to, if it lives long enough.
    """

    name: ClassVar[str] = "misbehaving"

    def __init__(self, how="raise", marker=""):
        self.how = how
        self.marker = marker

    def fit(self, train, seed=0, device="auto"):
        return getattr(self, self.how)(train)

    def raises(self, train):
        raise RuntimeError("a message with <b>markup</b>")

    def exits(self, train):
        os._exit(3)

    def crashes(self, train):
        os.kill(os.getpid(), signal.SIGSEGV)

    def hangs(self, train):
        while True:
            pass

    def leaves_child(self, train):
        code = f"import time; time.sleep(8); open({self.marker!r}, 'w').close()"
        subprocess.Popen([sys.executable, "-c", code])
        time.sleep(60)

    def prints(self, train):
        for _ in range(2000):
            print("x" * 1000)
        os.write(1, b"\x00\x00\x00\x00\x00\x00\x00\x01not a reply")
        return Fixed(lambda a: np.zeros(len(a)))

    def nan(self, train):
        return Fixed(lambda a: np.full(len(a), np.nan))

    def wrong_shape(self, train):
        return Fixed(lambda a: np.zeros(len(a) - 1))

    def memory_error(self, train):
        raise MemoryError("no room")


class Memorising(Method):
    """Says in its prediction what it was given: the sum of its data, for the tests of isolation."""

    name: ClassVar[str] = "memorising"

    def fit(self, train, seed=0, device="auto"):
        total = float(train.actions.sum() + train.features.sum() + train.outcome.sum())
        return Fixed(lambda a: np.full(len(a), total + seed % 1000))


class Grouping(Method):
    """Fits four at once; its groups do one bad thing, and so does one fit.

    Args:
        group: what a group of several does: "works", "raises", "exits", "hangs" or "lacks" results.
        marker: sum of the outcome of the training data whose fit exits.
    """

    name: ClassVar[str] = "grouping"
    group_size = 4

    def __init__(self, group="works", marker=""):
        self.group = group
        self.marker = marker

    def fit(self, train, seed=0, device="auto"):
        if self.marker and float(train.outcome.sum()) == float(self.marker):
            os._exit(3)
        mean = float(train.outcome.mean())
        return Fixed(lambda a: mean + a.numpy().sum(axis=1).astype(np.float64))

    def fit_many(self, trains, seeds, device="auto"):
        if len(trains) > 1 and self.group == "raises":
            raise MemoryError("no room for all of you")
        if len(trains) > 1 and self.group == "exits":
            os._exit(4)
        if len(trains) > 1 and self.group == "hangs":
            time.sleep(600)
        found = super().fit_many(trains, seeds, device)
        return found[:-1] if len(trains) > 1 and self.group == "lacks" else found
