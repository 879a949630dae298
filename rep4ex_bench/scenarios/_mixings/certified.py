"""The search for a mixing of a given hardness that is certified on what is drawn.

Hardness is the R^2 of Z on X by a linear map. A member of the family is drawn, its strength found
by bisection, and its certificate read; where it has none, another member is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LinearRegression

from rep4ex_bench.accuracy import affine_r2, explained_share
from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError
from rep4ex_bench.scenarios._mixings.additive import Additive
from rep4ex_bench.scenarios._mixings.family import Family
from rep4ex_bench.scenarios._mixings.flow import Flow
from rep4ex_bench.scenarios._mixings.piecewise_linear import PiecewiseLinear
from rep4ex_bench.scenarios._mixings.polynomial import Polynomial
from rep4ex_bench.seeding import numpy_generator

FAMILIES: dict[str, type[Family]] = {
    "piecewise_linear": PiecewiseLinear,
    "additive": Additive,
    "flow": Flow,
    "polynomial": Polynomial,
}
# The linear R^2 of each hardness.
HARDNESS = {"easy": (0.92, 0.97), "medium": (0.72, 0.82), "hard": (0.53, 0.64)}
# How far beyond these it may lie on one half of the units, by a map fitted on the other half. Where
# g0 is steep far out, a few units decide the map, and it may lie anywhere.
SLACK = 0.01
LARGEST_ERROR = 1e-3  # of a latent that is recovered from float32 features, in standard deviations
LEAST_SLOPE = 3e-3  # see `Certificate.slope`
_SLOPE_SHARE = 0.01
_MEMBERS = 1_000
_STEPS = 30  # of the bisection
_UNITS_OF_BISECTION = 2_000
_STEP = 1e-5  # of the finite differences, latent units
_UNITS_OF_SLOPE = 500


@dataclass(frozen=True)
class Certificate:
    """What was measured of a mixing on units that were drawn.

    Attributes:
        linear_r2: R^2 of Z on X by a linear map, on either half of the units, fitted on the other.
        error: largest error of a latent that the exact inverse recovers from features in float32,
            in standard deviations of the latents.
        slope: least slope of g0, the smallest singular value of its Jacobian, which 99 % of the
            units exceed; latents in their standard deviations, features in the root of the sum of
            their variances over d, so that an isometry has 1.
    """

    linear_r2: tuple[float, float]
    error: float
    slope: float

    def holds(self, hardness: str) -> bool:
        """Say whether g0 is as hard as that, injective and well conditioned on what was drawn."""
        low, high = HARDNESS[hardness]
        return (
            low - SLACK <= min(self.linear_r2)
            and max(self.linear_r2) <= high + SLACK
            and self.error <= LARGEST_ERROR
            and self.slope >= LEAST_SLOPE
        )


@dataclass(frozen=True)
class CertifiedMixing:
    """A member of a family at one strength: g0, (n, d) -> (n, m)."""

    family: Family
    strength: float
    certificate: Certificate

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Map latents (n, d) to features (n, m)."""
        return self.family.mix(latents, self.strength)


def certified_mixing(
    family: str, m: int, hardness: str, latents: FloatArray, root: int
) -> CertifiedMixing:
    """Return the first member that has the hardness and a certificate.

    Args:
        family: key of `FAMILIES`.
        m: dimension of the features.
        hardness: key of `HARDNESS`.
        latents: units (n, d) under training actions, on which both are measured.
        root: seed of the task.

    Raises:
        DataError: none of 1000 members has both.
    """
    lost = {"hardness": 0, "certificate": 0}
    for place in range(_MEMBERS):
        rng = numpy_generator(root, "mixing", place)
        member = FAMILIES[family](latents.shape[1], m, rng)
        strength = _strength(member, latents[:_UNITS_OF_BISECTION], HARDNESS[hardness])
        if strength is None:
            lost["hardness"] += 1
            continue
        certificate = certify(member, strength, latents)
        if certificate.holds(hardness):
            return CertifiedMixing(member, strength, certificate)
        lost["certificate"] += 1
    low, high = HARDNESS[hardness]
    raise DataError(
        f"no {hardness} {family} mixing of {latents.shape[1]} latents to {m} features was found "
        f"for this seed: expected a linear R² of Z on X in [{low:g}, {high:g}] and a certificate "
        f"that it is injective and well conditioned, but of {_MEMBERS} mixings "
        f"{lost['hardness']} lack the R² and {lost['certificate']} the certificate; choose fewer "
        "features m, another hardness or another family"
    )


def certify(member: Family, strength: float, latents: FloatArray) -> Certificate:
    """Return the certificate of a member at one strength on units (n, d)."""
    features = member.mix(latents, strength)
    recovered = member.unmix(features.astype(np.float32).astype(np.float64), strength)
    deviations = latents.std(axis=0)
    some = latents[:_UNITS_OF_SLOPE]
    slopes = np.linalg.svd(_jacobian(lambda rows: member.mix(rows, strength), some) * deviations)[1]
    spread = np.sqrt(features.var(axis=0).sum() / latents.shape[1])
    return Certificate(
        linear_r2=_crossed_r2(features, latents),
        error=float(np.abs((recovered - latents) / deviations).max()),
        slope=float(np.quantile(slopes[:, -1], _SLOPE_SHARE) / spread),
    )


def _crossed_r2(features: FloatArray, latents: FloatArray) -> tuple[float, float]:
    """Return R^2 of Z on X on either half of the units, by a linear map fitted on the other."""
    halves = np.array_split(np.arange(len(latents)), 2)
    first, second = (
        explained_share(
            LinearRegression().fit(features[fitted], latents[fitted]).predict(features[judged]),
            latents[judged],
        )
        for fitted, judged in (halves, halves[::-1])
    )
    return first, second


def _strength(member: Family, latents: FloatArray, band: tuple[float, float]) -> float | None:
    """Return a strength with R^2 in the inner third of the band; None where it is not reached."""
    low, high = band
    margin = (high - low) / 3  # these are few units: on all of them it is to lie in the band still
    low, high = low + margin, high - margin

    def measured(strength: float) -> float:
        return affine_r2(member.mix(latents, strength), latents)

    if measured(1.0) > high:
        return None
    linear, bent = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (linear + bent) / 2
        found = measured(middle)
        if low <= found <= high:
            return middle
        if found > high:
            linear = middle
        else:
            bent = middle
    return None


def _jacobian(function: Callable[[FloatArray], FloatArray], rows: FloatArray) -> FloatArray:
    """Return central differences (n, m, d) at rows (n, d)."""
    steps = _STEP * np.eye(rows.shape[1])
    columns = [(function(rows + step) - function(rows - step)) / (2 * _STEP) for step in steps]
    return np.stack(columns, axis=-1)
