"""`rep4ex`: an autoencoder whose code is linear in the actions, then a control function.

Source: Rep4Ex (arXiv 2310.04295), Algorithm 1. What differs from the paper is told where it does:
in the representation (`representations/invariant_autoencoder.py`) and in the second stage
(`second_stages/index_splines.py`), which learns its directions and is calibrated inside the
support. `docs/ablations.md` has what each of them brings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rep4ex_bench.methods._preset import DEFAULT, Preset
from rep4ex_bench.methods.representations.invariant_autoencoder import InvariantAutoencoder
from rep4ex_bench.methods.two_stage import TwoStage
from rep4ex_bench.second_stage import SecondStage


class Rep4Ex(Preset):
    """Autoencoder with the penalty of linear invariance and a control function.

    Args:
        latent_dim: see `InvariantAutoencoder`.
        penalty_weight: likewise.
        penalty: likewise.
        autoencoder: likewise.
        hidden: likewise.
        steps: likewise.
        second_stage: name of a second stage, or a `SecondStage`.
    """

    name: ClassVar[str] = "rep4ex"
    version: ClassVar[int] = 3
    quick: ClassVar[dict[str, Any]] = {"steps": 30}
    default_grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "penalty_weight": (0.3, 3.0, 30.0),
        "hidden": (32, 64),
    }

    def __init__(
        self,
        latent_dim: int | str | None = None,
        penalty_weight: float | str = 3.0,
        penalty: str = "both",
        autoencoder: str = "mlp",
        hidden: int = 64,
        steps: int = 2000,
        second_stage: SecondStage | str = DEFAULT,
    ) -> None:
        self.latent_dim = latent_dim
        self.penalty_weight = penalty_weight
        self.penalty = penalty
        self.autoencoder = autoencoder
        self.hidden = hidden
        self.steps = steps
        self.second_stage = second_stage

    def two_stage(self) -> TwoStage:
        """Return the pair."""
        code = InvariantAutoencoder(
            self.latent_dim,
            self.penalty_weight,
            self.penalty,
            self.autoencoder,
            self.hidden,
            self.steps,
        )
        return TwoStage(code, self.second_stage)
