"""`tuning_error`: error of the configuration that a tuned method chose, on its held-out rows."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.diagnostics._reported import Reported


class TuningError(Reported):
    """Smallest of several errors, noise of the outcome included: no estimate of the error."""

    name: ClassVar[str] = "tuning_error"
    title: ClassVar[str] = "mean square error on held-out training rows of the chosen parameters"
    heading: ClassVar[str] = "tuning\nerror"
