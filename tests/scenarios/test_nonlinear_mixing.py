"""Families of mixings: they invert, they are linear at strength 0, hardness is what it says."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from rep4ex_bench import get_scenario
from rep4ex_bench.errors import DataError, ParameterError
from rep4ex_bench.scenarios._mixings import certified
from rep4ex_bench.scenarios._mixings.certified import FAMILIES, HARDNESS

SHAPES = {
    "piecewise_linear": (2, 4),
    "additive": (3, 7),
    "flow": (4, 5),
    "polynomial": (2, 3),
}


@pytest.fixture(params=sorted(FAMILIES))
def member(request):
    d, m = SHAPES[request.param]
    return FAMILIES[request.param](d, m, np.random.default_rng(5)), d, m


@pytest.fixture
def latents(member):
    return np.random.default_rng(6).normal(0.0, 1.5, (800, member[1]))


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.7])
def test_every_latent_is_found_again(member, latents, strength):
    family, d, m = member
    features = family.mix(latents, strength)
    assert features.shape == (800, m)
    np.testing.assert_allclose(family.unmix(features, strength), latents, atol=1e-6)
    assert family.least_features(d) <= m


def test_strength_bends_a_linear_map(member, latents):
    family, _, _ = member
    left = []
    for strength in (0.0, 1.0):
        features = family.mix(latents, strength)
        fitted = LinearRegression().fit(latents, features)
        residual = features - fitted.predict(latents)
        left.append(residual.var() / features.var())
    assert left[0] < 1e-20
    assert left[1] > 0.01


def test_additive_mixings_are_sums_of_functions_of_one_latent():
    family = FAMILIES["additive"](3, 7, np.random.default_rng(1))
    one, other = np.random.default_rng(2).normal(size=(2, 1, 3))
    swapped = np.where([True, False, False], other, one), np.where([True, False, False], one, other)
    ends = family.mix(np.concatenate([one, other]), 0.8).sum(axis=0)
    np.testing.assert_allclose(family.mix(np.concatenate(swapped), 0.8).sum(axis=0), ends)
    flow = FAMILIES["flow"](3, 7, np.random.default_rng(1))
    bent = flow.mix(np.concatenate(swapped), 0.8).sum(axis=0)
    assert not np.allclose(bent, flow.mix(np.concatenate([one, other]), 0.8).sum(axis=0))


def test_polynomial_mixings_are_of_degree_four():
    family = FAMILIES["polynomial"](2, 3, np.random.default_rng(3))
    line = np.linspace(-3.0, 3.0, 9)[:, None] * np.array([[0.6, -1.1]])
    fifth = np.diff(family.mix(line, 1.0), n=5, axis=0)
    fourth = np.diff(family.mix(line, 1.0), n=4, axis=0)
    assert np.abs(fifth).max() < 1e-11
    assert np.abs(fourth).max() > 1e-7


@pytest.mark.parametrize("hardness", sorted(HARDNESS))
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_linear_map_finds_as_much_of_the_latents_as_the_hardness_says(family, hardness):
    task = get_scenario(
        "nonlinear_mixing", family=family, hardness=hardness, n=3_000, outcome="bump"
    ).sample(11)
    fresh = task.oracle.draw(3_000, 3)
    linear = LinearRegression().fit(task.train.features.numpy(), task.oracle.latents)
    left = fresh.latents - linear.predict(fresh.features)
    r2 = 1 - (left**2).sum() / ((fresh.latents - fresh.latents.mean(axis=0)) ** 2).sum()
    low, high = HARDNESS[hardness]
    assert low - 0.03 < r2 < high + 0.03
    certificate = task.oracle.mixing.certificate
    assert certificate.error <= 1e-3
    assert certificate.slope >= 3e-3


def test_the_slope_of_an_isometry_is_one():
    latents = np.random.default_rng(0).normal(size=(4_000, 3))
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 3)))[0]

    class Rotated:
        def mix(self, rows, strength):
            return 7 * rows @ rotation.T

        def unmix(self, rows, strength):
            return rows @ rotation / 7

    found = certified.certify(Rotated(), 1.0, latents)
    assert found.slope == pytest.approx(1.0, rel=0.05)
    assert found.error < 1e-6
    assert min(found.linear_r2) > 1 - 1e-12


def test_what_loses_latents_has_no_certificate():
    latents = np.random.default_rng(0).normal(size=(2_000, 2))

    class Flat:
        """The second latent is squeezed below what float32 holds beside the first."""

        def mix(self, rows, strength):
            return np.column_stack([rows[:, 0] + 1e-9 * rows[:, 1], rows[:, 0]])

        def unmix(self, rows, strength):
            return np.column_stack([rows[:, 1], (rows[:, 0] - rows[:, 1]) * 1e9])

    found = certified.certify(Flat(), 1.0, latents)
    assert found.error > 1e-3
    assert not any(found.holds(hardness) for hardness in HARDNESS)


def test_a_mixing_that_cannot_be_had_is_an_error_not_another_mixing():
    with pytest.raises(
        DataError, match=r"no hard polynomial mixing of 2 latents to 20 features .*"
    ):
        get_scenario("nonlinear_mixing", family="polynomial", m=20, n=100).sample(0)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"family": "additive", "m": 3}, "m must be an integer of at least 4"),
        ({"d": 1, "k": 1, "m": 1}, "m must be an integer of at least 2"),
        ({"family": "splines"}, "family must be one of 'piecewise_linear'"),
        ({"hardness": "harder"}, "hardness must be one of 'easy', 'medium', 'hard'"),
        ({"alpha": 0.0}, "alpha must be a finite number above 0"),
    ],
)
def test_parameters_outside_their_domain(parameters, said):
    with pytest.raises(ParameterError) as error:
        get_scenario("nonlinear_mixing", **parameters)
    assert said.split(" must be ")[1] in str(error.value)
