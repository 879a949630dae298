"""Latents of bounded reach, for mixings that are defined on a box only.

    Z = alpha M0 A + V,  V = L eps,  L L' = S,  eps ~ N(0, I) given |eps| <= radius
    reach_j = 3 alpha sum_i |M0_ji| + radius,  so that |Z_j| <= reach_j up to 3 times the support

S has unit variances and a random correlation, cond(M0) <= 2. Beyond the radius lies exp(-8) =
0.03 % of the mass of a Gaussian (radius 4 in the plane). Cutting it off gives up the full support
of V, which identification outside the training actions formally needs (Rep4Ex, arXiv 2310.04295,
Section 3), in one row of 3,000: less than what a finite sample misses anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gamma, gammaincc, gammainccinv

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError
from rep4ex_bench.scenarios._query_grid import DISTANCES
from rep4ex_bench.scenarios._structural import Draw, correlated_noise
from rep4ex_bench.scenarios._structural_scenario import action_effect_of, correlation_of

_BEYOND = np.exp(-8.0)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class BoundedLatents:
    """What the latents of one task are made of.

    Attributes:
        action_effect: alpha M0, (d, d).
        correlation: S, (d, d), of V before the truncation.
    """

    action_effect: FloatArray
    correlation: FloatArray

    @property
    def covariance(self) -> FloatArray:
        """Covariance of V, (d, d)."""
        return truncated_variance(len(self.correlation)) * self.correlation

    @property
    def draw_noise(self) -> Draw:
        """The draw of V, (n, d)."""
        return correlated_noise(self.correlation, truncated)

    @property
    def reach(self) -> FloatArray:
        """Largest |Z_j| that actions at 3 times the support can reach, (d,)."""
        moved = max(DISTANCES) * np.abs(self.action_effect).sum(axis=1)
        return np.asarray(moved + radius(len(self.correlation)))


def bounded_latents(d: int, alpha: float, root: int) -> BoundedLatents:
    """Draw the parts from the root seed of a task; there are as many actions as latents."""
    return BoundedLatents(alpha * action_effect_of(d, d, root), correlation_of(d, root))


def check_reach(latents: FloatArray, reach: FloatArray, what: str) -> None:
    """Raise `DataError` for latents (n, d) beyond their reach (d,).

    They are never clamped: clamped ones would share their features.

    Args:
        what: happens beyond, for the message, e.g. "crops leave the photo".
    """
    outside = (np.abs(latents) > reach * (1 + _ROUNDING)).any(axis=1)
    if outside.any():
        raise DataError(
            f"{int(outside.sum())} of {len(latents)} {what}: latents must stay "
            f"within {reach.tolist()} in absolute value"
        )


def radius(d: int) -> float:
    """Return the largest norm of eps in R^d."""
    return float(np.sqrt(2 * _half_square(d)))


def truncated(normal: FloatArray) -> FloatArray:
    """Map standard normal rows (n, d) to standard normal rows given norm <= radius.

    |eps|^2 / 2 follows a gamma distribution, whose truncation is the map of its upper tail q to
    (mass beyond) + (1 - mass beyond) q; directions are kept.
    """
    d = normal.shape[1]
    half_square = (normal**2).sum(axis=1, keepdims=True) / 2
    kept = _tail_inverse(d, _BEYOND + (1 - _BEYOND) * _tail(d, half_square))
    return np.asarray(normal * np.sqrt(kept / half_square))


def truncated_variance(d: int) -> float:
    """Return E|eps|^2 / d given |eps| <= radius."""
    half = _half_square(d)
    lost = half ** (d / 2) * np.exp(-half) / gamma(d / 2 + 1)
    return float(1 - lost / (1 - _BEYOND))


def _half_square(d: int) -> float:
    """Return radius^2 / 2."""
    return float(8.0 if d == 2 else gammainccinv(d / 2, _BEYOND))


def _tail(d: int, half_square: FloatArray) -> FloatArray:
    """Return P(|eps|^2 / 2 > half_square); in the plane in closed form, to the bit."""
    return np.asarray(np.exp(-half_square) if d == 2 else gammaincc(d / 2, half_square))


def _tail_inverse(d: int, mass: FloatArray) -> FloatArray:
    return np.asarray(-np.log(mass) if d == 2 else gammainccinv(d / 2, mass))
