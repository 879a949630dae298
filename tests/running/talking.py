"""Methods that print before something happens to them. Registered by the tests."""

import os
import signal
import sys
import time
from typing import ClassVar

import numpy as np

from rep4ex_bench import FittedMethod, Method


class Fitted(FittedMethod):
    """Predicts 0."""

    def predict_do(self, actions):
        return np.zeros(len(actions))


class Talking(Method):
    """Prints, and then does what it is told.

    Args:
        then: what.
    """

    name: ClassVar[str] = "talking"

    def __init__(self, then="works"):
        self.then = then

    def fit(self, train, seed=0, device="auto"):
        print("said by", self.then)
        print("\x1b[31mwarned\x1b[0m", file=sys.stderr)
        print("no end of line", end="")
        getattr(self, self.then)()
        return Fitted()

    def works(self):
        pass

    def raises(self):
        raise RuntimeError("no luck")

    def hangs(self):
        print()
        time.sleep(600)

    def crashes(self):
        print()
        os.kill(os.getpid(), signal.SIGSEGV)

    def raises_after_much(self):
        for number in range(40_000):
            print(f"line {number} " + "x" * 1000)
        raise RuntimeError("no luck")
