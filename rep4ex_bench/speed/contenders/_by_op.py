"""Contenders that are written op by op."""

from __future__ import annotations

from typing import Any

from rep4ex_bench.speed.contender import Contender
from rep4ex_bench.speed.ops import OPS
from rep4ex_bench.speed.workload import Workload


class ByOp(Contender):
    """A contender with a method for each op that it offers, named as the op is.

    What the methods take and return is the business of `prepare`. An op without a method is not
    offered.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Let the class offer the ops that it has methods for."""
        super().__init_subclass__(**keywords)
        cls.ops = tuple(name for name in OPS if hasattr(cls, name))

    def method_of(self, workload: Workload) -> Any:
        """Return the method of the workload's op."""
        return getattr(self, workload.op)
