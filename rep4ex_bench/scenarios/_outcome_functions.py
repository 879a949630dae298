"""Outcome functions l: R^d -> R, with E[l(mu + V)] for Gaussian V where a closed form exists.

    softplus     l(z) = sum_j w_j log(1 + exp(2 z_j + b_j))            additive, grows linearly
    bump         l(z) = sum_j w_j exp(-(z_j - b_j)^2 / (2 width^2))    additive, closed form
    interaction  l(z) = sum_j w_j z_j tanh(z_{j+1} + b_j), cyclic      additive in no axes

The interaction is additive in no basis: additivity along directions p, q needs p' H(z) q = 0 for
every Hessian H(z) of l. For d = 2 the off-diagonal and diagonal parts of H vary independently over
z, which forces p and q to be parallel.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch

from rep4ex_bench.controls import DEFAULT_BOUND
from rep4ex_bench.data import FloatArray

_BUMP_WIDTH = 2.0


class OutcomeFunction(ABC):
    """A function of the latents with random weights.

    Class attributes:
        bound: nmse_outside that oracles must reach on every seed (`controls.py`).
    """

    bound: ClassVar[float] = DEFAULT_BOUND

    def __init__(self, d: int, rng: np.random.Generator) -> None:
        self.weights = rng.uniform(0.75, 1.5, d) * rng.choice([-1.0, 1.0], d)
        self.offsets = rng.uniform(-1.0, 1.0, d)

    @abstractmethod
    def __call__(self, latents: FloatArray) -> FloatArray:
        """Return l(z), shape (...,), for latents (..., d)."""

    def gaussian_expectation(self, means: FloatArray, covariance: FloatArray) -> FloatArray | None:
        """Return E[l(N(mean, covariance))], (q,), for means (q, d); None where no form is known."""
        return None


class Softplus(OutcomeFunction):
    """Weighted softplus of each latent."""

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Return l(z), shape (...,)."""
        # torch's vectorised exp and log1p: a third of numpy's time in the Monte Carlo truth
        inner = torch.from_numpy(2.0 * latents + self.offsets)
        return np.asarray(torch.nn.functional.softplus(inner).numpy() @ self.weights)


class Bump(OutcomeFunction):
    """Weighted Gaussian bump of each latent.

    Far from the bumps it is flat, so that its variance outside, which errors are divided by, is
    small: the bound is wider than that of others.
    """

    bound: ClassVar[float] = 0.25

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Return l(z), shape (...,)."""
        squares = ((latents - self.offsets) / _BUMP_WIDTH) ** 2
        return np.asarray(np.exp(-squares / 2) @ (2.0 * self.weights))

    def gaussian_expectation(self, means: FloatArray, covariance: FloatArray) -> FloatArray:
        """Return the Gaussian integral: a bump of variance width^2 + S_jj, rescaled."""
        total = _BUMP_WIDTH**2 + np.diag(covariance)
        scale = _BUMP_WIDTH / np.sqrt(total)
        bumps = np.exp(-((means - self.offsets) ** 2) / (2 * total))
        return np.asarray((bumps * scale) @ (2.0 * self.weights))


class Interaction(OutcomeFunction):
    """Each latent times the hyperbolic tangent of the next."""

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Return l(z), shape (...,)."""
        gates = torch.tanh(torch.from_numpy(np.roll(latents, -1, axis=-1) + self.offsets)).numpy()
        return np.asarray((latents * gates) @ self.weights)


OUTCOME_FUNCTIONS: dict[str, type[OutcomeFunction]] = {
    "softplus": Softplus,
    "bump": Bump,
    "interaction": Interaction,
}
