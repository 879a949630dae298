"""`action_cca`: a control function on canonical directions of X with A, in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rep4ex_bench.methods._preset import DEFAULT, Preset
from rep4ex_bench.methods.representations.action_cca import ActionCCA
from rep4ex_bench.methods.two_stage import TwoStage
from rep4ex_bench.second_stage import SecondStage


class LinearCCA(Preset):
    """Canonical directions of the features with the actions, and a second stage.

    Args:
        latent_dim: see `ActionCCA`.
        ridge: see `ActionCCA`.
        second_stage: name of a second stage, or a `SecondStage`.
    """

    name: ClassVar[str] = "action_cca"
    version: ClassVar[int] = 1
    default_grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "ridge": ("held_out", 1e-6),
        "second_stage": ("index_splines", "splines", "thin_plate", "mlp"),
    }

    def __init__(
        self,
        latent_dim: int | str | None = None,
        ridge: float | str = "held_out",
        second_stage: SecondStage | str = DEFAULT,
    ) -> None:
        self.latent_dim = latent_dim
        self.ridge = ridge
        self.second_stage = second_stage

    def two_stage(self) -> TwoStage:
        """Return the pair."""
        return TwoStage(ActionCCA(self.latent_dim, self.ridge), self.second_stage)
