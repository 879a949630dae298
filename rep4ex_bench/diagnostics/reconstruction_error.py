"""`reconstruction_error`: how well held-out features are decoded."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.diagnostics._reported import Reported


class ReconstructionError(Reported):
    """Mean square error of held-out, standardised features: 1 is what their mean gives."""

    name: ClassVar[str] = "reconstruction_error"
    title: ClassVar[str] = "reconstruction error of held-out standardised features"
    heading: ClassVar[str] = "reconstr.\nerror"
