"""Methods that do not run everywhere, for the tests of planning. Registered by the tests."""

from typing import ClassVar

import numpy as np

from rep4ex_bench import FittedMethod, Method

# a distribution that nobody has
MISSING = "rep4ex-bench-no-such-distribution"


class Zero(FittedMethod):
    """Predicts 0."""

    def predict_do(self, actions):
        return np.zeros(len(actions))


class Base(Method):
    """Fits nothing."""

    def fit(self, train, seed=0, device="auto"):
        return Zero()


class Wants(Base):
    """Requires a distribution that is not installed."""

    name: ClassVar[str] = "wants"
    requires: ClassVar[tuple[str, ...]] = ("numpy", MISSING)
    install: ClassVar[str] = "rep4ex-bench[wishes]"


class Timely(Base):
    """Needs what no scenario offers."""

    name: ClassVar[str] = "timely"
    needs: ClassVar[frozenset[str]] = frozenset({"features", "time"})


class OneAction(Base):
    """Takes one action only."""

    name: ClassVar[str] = "one_action"

    def unsupported(self, description):
        if description.k == 1:
            return None
        return f"one action only,\nthe scenario has {description.k}"


class Confused(Base):
    """Cannot even say whether it applies."""

    name: ClassVar[str] = "confused"

    def unsupported(self, description):
        raise KeyError("k")


ALL = (Wants, Timely, OneAction, Confused)
