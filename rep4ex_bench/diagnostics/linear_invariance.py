"""`linear_invariance`: whether the code is linear in the actions, on held-out rows."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.diagnostics._reported import Reported


class LinearInvariance(Reported):
    """Unbiased statistic of the test of linear invariance, about 0 if it holds."""

    name: ClassVar[str] = "linear_invariance"
    title: ClassVar[str] = "statistic of linear invariance on held-out rows, about 0 if it holds"
    heading: ClassVar[str] = "linear\ninvariance"
