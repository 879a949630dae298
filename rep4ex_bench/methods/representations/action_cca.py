"""`action_cca`: the canonical directions of the features with the actions as the code.

    max corr(u'X, w'A) over u and w, then the same uncorrelated with what was found before

With a linear mixing, the leading rank(M0) of them hold the latents' directions that the actions
move, up to an affine map: E[X | A] moves along no others. It is the linear case of learning a
representation by what A tells of it (Lin, Lan and Syrgkanis, arXiv 2506.02200). Canonical
correlations are Hotelling's (1936). With a nonlinear mixing it is what a linear map can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.methods.representations._latent_dim import WithLatentDim
from rep4ex_bench.methods.training.linear_code import canonical_directions, held_out_ridge
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.numerics import to_float64
from rep4ex_bench.representation import Code, Progress

HELD_OUT = "held_out"  # as `ridge`


class ActionCCA(WithLatentDim):
    """Canonical directions of X with A, in closed form.

    The code has as many columns as there are actions, or d where these are fewer.

    Args:
        latent_dim: d; None takes what the data discloses, or else an estimate from the features
            (`training/latent_dimension.py`); "auto" takes the estimate in any case.
        ridge: added to the variances of standardised features and of actions, a share of their
            mean; the larger, the less directions in which X varies little count. "held_out" chooses
            one on a fifth of the rows (`training/linear_code.py`).
    """

    name: ClassVar[str] = "action_cca"
    version: ClassVar[int] = 1

    def __init__(
        self, latent_dim: int | str | None = None, ridge: float | str = "held_out"
    ) -> None:
        self.latent_dim = latent_dim
        self.ridge = ridge

    def check_parameters(self) -> None:
        """Raise `ParameterError` if a parameter lies outside its domain."""
        super().check_parameters()
        if isinstance(self.ridge, str) and self.ridge != HELD_OUT:
            self.reject("ridge", f"{HELD_OUT!r} or a finite number above 0")
        if self.ridge != HELD_OUT:
            self.require_number("ridge", 0.0, strict=True)

    def fit(
        self,
        train: TrainingData,
        seed: int,
        device: torch.device,
        progress: Progress | None = None,
    ) -> CanonicalCode:
        """Return the directions (in float64 on the CPU)."""
        standardise = Standardise(train.features)
        features = standardise(train.features).to(torch.float64)
        actions, d = train.actions.to(torch.float64), self.latent_dim_of(train)
        ridge = self.ridge
        if isinstance(ridge, str):
            ridge = held_out_ridge(features, actions, d, seed)
        directions = canonical_directions(features, actions, d, ridge)
        return CanonicalCode(standardise, directions)


class CanonicalCode(Code):
    """Projection of standardised features on directions (m, r)."""

    def __init__(self, standardise: Standardise, directions: Tensor) -> None:
        self._standardise = standardise
        self._directions = directions

    def state(self) -> dict[str, Any]:
        """Return the projection."""
        return {"standardise": self._standardise, "directions": self._directions}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the projection."""
        return cls(state["standardise"], state["directions"])

    @property
    def diagnostics(self) -> Mapping[str, Any]:
        """Return the number of directions."""
        return {"latent_dim": int(self._directions.shape[1])}

    def encode(self, features: Tensor, actions: Tensor | None = None) -> FloatArray:
        """Return the projection (n, r) of features (n, m)."""
        rows = self._standardise(features).to(self._directions)
        return to_float64(rows @ self._directions)
