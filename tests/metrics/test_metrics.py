"""Metrics against scikit-learn, closed forms and hand-made cases."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from rep4ex_bench.accuracy import affine_r2, normalised_mse
from rep4ex_bench.errors import DataError

RNG = np.random.default_rng()


@pytest.mark.parametrize("q", [2, 3, 65, 1000])
def test_nmse_is_one_minus_r2_of_scikit_learn(q):
    truth, prediction = RNG.normal(3, 2, q), RNG.normal(3, 2, q)
    assert normalised_mse(prediction, truth) == pytest.approx(1 - r2_score(truth, prediction))


def test_nmse_of_the_mean_is_one_and_of_the_truth_is_zero():
    truth = RNG.normal(size=50)
    assert normalised_mse(np.full(50, truth.mean()), truth) == pytest.approx(1.0)
    assert normalised_mse(truth, truth) == 0.0


def test_nmse_with_given_variance():
    assert normalised_mse(np.array([1.0, 3.0]), np.array([0.0, 0.0]), 2.0) == pytest.approx(2.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nmse_refuses_predictions_that_are_not_finite(bad):
    truth = np.arange(4.0)
    with pytest.raises(DataError, match="1 of 4"):
        normalised_mse(np.array([0.0, bad, 2.0, 3.0]), truth)


def test_nmse_refuses_other_shapes_and_constant_truth():
    with pytest.raises(DataError, match=r"expected shape \(3,\)"):
        normalised_mse(np.zeros(4), np.arange(3.0))
    with pytest.raises(DataError, match="does not vary"):
        normalised_mse(np.zeros(3), np.ones(3))


@pytest.mark.parametrize(("n", "width", "d"), [(30, 1, 1), (257, 2, 3), (1000, 5, 2)])
def test_affine_r2_equals_scikit_learn(n, width, d):
    code = RNG.normal(size=(n, width)) @ RNG.normal(size=(width, width)) + 100
    latents = code @ RNG.normal(size=(width, d)) + RNG.normal(size=(n, d))
    fitted = LinearRegression().fit(code, latents).predict(code)
    expected = r2_score(latents, fitted, multioutput="variance_weighted")
    assert affine_r2(code, latents) == pytest.approx(expected, abs=1e-9)


def test_affine_r2_is_one_for_an_affine_image_and_invariant_to_affine_maps_of_the_code():
    latents = RNG.normal(size=(100, 3))
    mixed = latents @ RNG.normal(size=(3, 3)) * 1e3 - 7
    assert affine_r2(mixed, latents) == pytest.approx(1.0)
    code = RNG.normal(size=(100, 2)) + latents[:, :2]
    turned = code @ RNG.normal(size=(2, 2)) + 5
    assert affine_r2(turned, latents) == pytest.approx(affine_r2(code, latents))


def test_affine_r2_with_a_constant_column_and_bad_input():
    latents = RNG.normal(size=(50, 2))
    code = np.column_stack([latents[:, 0], np.full(50, 3.0)])
    assert 0 < affine_r2(code, latents) < 1
    with pytest.raises(DataError, match="same rows"):
        affine_r2(code[:-1], latents)
    code[3, 0] = np.nan
    with pytest.raises(DataError, match="finite"):
        affine_r2(code, latents)
