"""`penalty_weight`: how much the invariance penalty weighs."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.diagnostics._reported import Reported


class PenaltyWeight(Reported):
    """Lambda, as asked for or as chosen on held-out rows."""

    name: ClassVar[str] = "penalty_weight"
    title: ClassVar[str] = "weight of the invariance penalty (lambda)"
    heading: ClassVar[str] = "penalty\nweight"
