"""`tuning_failed`: how many configurations of a tuned method could not be fitted or scored."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.diagnostics._reported import Reported


class TuningFailed(Reported):
    """Candidates that failed on the kept rows, of those that were tried."""

    name: ClassVar[str] = "tuning_failed"
    title: ClassVar[str] = "candidates of the tuning that failed"
    heading: ClassVar[str] = "tuning\nfailed"
