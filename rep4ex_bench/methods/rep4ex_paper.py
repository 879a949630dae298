"""`rep4ex_paper`: the published recipe of Rep4Ex, beside which `rep4ex` is our improvement.

Source: Rep4Ex (arXiv 2310.04295), Section 4 and Algorithm 1: an autoencoder from random weights,
the plain V-statistic of the maximum moment restriction as its penalty, an additive network as
second stage. What the text leaves open (widths, steps) is as in `rep4ex`; no code of the authors is
known to us, so that this is a reading of the text. One thing it is given that the paper does not
speak of: the second stage sees the code in its canonical frame (`second_stages/
_canonical_frame.py`), because the plain penalty shrinks the code to a scale at which a network
would not be trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from rep4ex_bench.methods._preset import Preset
from rep4ex_bench.methods.representations.invariant_autoencoder import InvariantAutoencoder
from rep4ex_bench.methods.two_stage import TwoStage
from rep4ex_bench.second_stage import SecondStage


class Rep4ExPaper(Preset):
    """Rep4Ex as published.

    Args:
        latent_dim: see `InvariantAutoencoder`.
        penalty_weight: lambda of the plain V-statistic, at least 0. Its meaning depends on the
            scale of the code. The default had the best median affine R^2 of 1, 3, 10, 30, 100 and
            300 at (k, d, m) = (1, 1, 2), (2, 2, 10) and (4, 4, 10), on three seeds for design.
        hidden: see `InvariantAutoencoder`.
        steps: likewise.
        second_stage: name of a second stage, or a `SecondStage`.
    """

    name: ClassVar[str] = "rep4ex_paper"
    version: ClassVar[int] = 1
    quick: ClassVar[dict[str, Any]] = {
        "steps": 30,
        "second_stage": {"name": "mlp", "parameters": {"steps": 30}},
    }
    default_grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "penalty_weight": (10.0, 100.0, 1000.0),
        "hidden": (32, 64),
    }

    def __init__(
        self,
        latent_dim: int | str | None = None,
        penalty_weight: float = 100.0,
        hidden: int = 64,
        steps: int = 2000,
        second_stage: SecondStage | str = "mlp",
    ) -> None:
        self.latent_dim = latent_dim
        self.penalty_weight = penalty_weight
        self.hidden = hidden
        self.steps = steps
        self.second_stage = second_stage

    def two_stage(self) -> TwoStage:
        """Return the pair."""
        code = InvariantAutoencoder(
            self.latent_dim,
            self.penalty_weight,
            "plain_mmr",
            "random_start",
            self.hidden,
            self.steps,
        )
        return TwoStage(code, self.second_stage)
