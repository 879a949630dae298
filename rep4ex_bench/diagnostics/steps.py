"""`steps`: how long the training was."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.diagnostics._reported import Reported


class Steps(Reported):
    """Optimisation steps until the weights that were kept."""

    name: ClassVar[str] = "steps"
    title: ClassVar[str] = "optimisation steps until the weights that were kept"
    heading: ClassVar[str] = "steps"
