"""`condition_number`: whether the code has empty directions."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.diagnostics._reported import Reported


class ConditionNumber(Reported):
    """Condition number of the covariance of the code: large where directions of it are empty."""

    name: ClassVar[str] = "condition_number"
    title: ClassVar[str] = "condition number of the covariance of the code"
    heading: ClassVar[str] = "condition\nnumber"
