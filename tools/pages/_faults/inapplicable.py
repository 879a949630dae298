"""Methods that do not run everywhere, for the tests of planning."""

from __future__ import annotations

from typing import ClassVar

from _faults.honest import Zeros
from rep4ex_bench import FittedMethod, Method, TrainingData
from rep4ex_bench.scenario import Description

# a distribution that nobody has
MISSING = "rep4ex-bench-no-such-distribution"


class _Trivial(Method):
    """Fits nothing."""

    def fit(self, train: TrainingData, seed: int = 0, device: str = "auto") -> FittedMethod:
        """Return what predicts 0."""
        return Zeros()


class Wants(_Trivial):
    """Requires a distribution that is not installed."""

    name: ClassVar[str] = "wants"
    requires: ClassVar[tuple[str, ...]] = ("numpy", MISSING)
    install: ClassVar[str] = "rep4ex-bench[wishes]"


class Timely(_Trivial):
    """Needs what no scenario offers."""

    name: ClassVar[str] = "timely"
    needs: ClassVar[frozenset[str]] = frozenset({"features", "time"})


class OneAction(_Trivial):
    """Takes one action only."""

    name: ClassVar[str] = "one_action"

    def unsupported(self, description: Description) -> str | None:
        """Return a reason of two lines if there is more than one action."""
        if description.k == 1:
            return None
        return f"one action only,\nthe scenario has {description.k}"


class Confused(_Trivial):
    """Cannot even say whether it applies."""

    name: ClassVar[str] = "confused"

    def unsupported(self, description: Description) -> str | None:
        """Raise."""
        raise KeyError("k")


INAPPLICABLE = (Wants, Timely, OneAction, Confused)
