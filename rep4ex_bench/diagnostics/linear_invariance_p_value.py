"""`linear_invariance_p_value`: p-value of the test of linear invariance."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.diagnostics._reported import Reported


class LinearInvariancePValue(Reported):
    """Small where the code is not linear in the actions up to a residual of mean 0."""

    name: ClassVar[str] = "linear_invariance_p_value"
    title: ClassVar[str] = "p-value of the test of linear invariance"
    heading: ClassVar[str] = "invariance\np-value"
