"""`latent_dim`: how many dimensions the code has."""

from __future__ import annotations

from typing import ClassVar

from rep4ex_bench.diagnostics._reported import Reported


class LatentDim(Reported):
    """Dimension of the code: as disclosed, as asked for, or as estimated."""

    name: ClassVar[str] = "latent_dim"
    title: ClassVar[str] = "dimension of the code"
    heading: ClassVar[str] = "latent\ndim"
