"""`autoencoder`: `rep4ex` without the penalty; what linear invariance adds is the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rep4ex_bench.methods._preset import DEFAULT, Preset
from rep4ex_bench.methods.representations.autoencoder import PlainAutoencoder
from rep4ex_bench.methods.two_stage import TwoStage
from rep4ex_bench.second_stage import SecondStage


class Autoencoder(Preset):
    """Plain autoencoder and a second stage.

    Args:
        latent_dim: see `PlainAutoencoder`.
        autoencoder: likewise.
        hidden: likewise.
        steps: likewise.
        second_stage: name of a second stage, or a `SecondStage`.
    """

    name: ClassVar[str] = "autoencoder"
    version: ClassVar[int] = 3
    quick: ClassVar[dict[str, Any]] = {"steps": 30}
    default_grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "hidden": (32, 64, 128),
        "second_stage": ("index_splines", "splines"),
    }

    def __init__(
        self,
        latent_dim: int | str | None = None,
        autoencoder: str = "mlp",
        hidden: int = 64,
        steps: int = 2000,
        second_stage: SecondStage | str = DEFAULT,
    ) -> None:
        self.latent_dim = latent_dim
        self.autoencoder = autoencoder
        self.hidden = hidden
        self.steps = steps
        self.second_stage = second_stage

    def two_stage(self) -> TwoStage:
        """Return the pair."""
        code = PlainAutoencoder(self.latent_dim, self.autoencoder, self.hidden, self.steps)
        return TwoStage(code, self.second_stage)
