"""`pca`: a control function on principal components; how far a linear code goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rep4ex_bench.methods._preset import DEFAULT, Preset
from rep4ex_bench.methods.representations.pca import PrincipalComponents
from rep4ex_bench.methods.two_stage import TwoStage
from rep4ex_bench.second_stage import SecondStage


class PCA(Preset):
    """Principal components and a second stage.

    Args:
        latent_dim: see `PrincipalComponents`.
        second_stage: name of a second stage, or a `SecondStage`.
    """

    name: ClassVar[str] = "pca"
    version: ClassVar[int] = 2
    default_grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "second_stage": ("index_splines", "splines", "thin_plate", "mlp"),
    }

    def __init__(
        self, latent_dim: int | str | None = None, second_stage: SecondStage | str = DEFAULT
    ) -> None:
        self.latent_dim = latent_dim
        self.second_stage = second_stage

    def two_stage(self) -> TwoStage:
        """Return the pair."""
        return TwoStage(PrincipalComponents(self.latent_dim), self.second_stage)
