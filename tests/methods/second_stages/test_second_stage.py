"""Control function and additive regressors against closed forms and brute force."""

import numpy as np
import pytest
import torch

from rep4ex_bench import TrainingData
from rep4ex_bench.errors import DataError
from rep4ex_bench.methods.second_stages._control_function import fit_control_function
from rep4ex_bench.methods.second_stages.mlp import AdditiveMLP
from rep4ex_bench.methods.second_stages.splines import Splines
from rep4ex_bench.numerics import Whitening


def confounded(n, d, outcome_function, seed, confounding=2.0):
    """Z = M A + V, Y = l(Z) + c V_1 + noise: regression of Y on Z alone is biased."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (n, d))
    noise = rng.normal(size=(n, d))
    latents = actions + noise
    outcome = outcome_function(latents) + confounding * noise[:, 0] + 0.1 * rng.normal(size=n)
    features = latents  # the code is handed over directly
    return TrainingData(actions, features, outcome), latents


QUERIES = torch.tensor([[-3.0], [-1.5], [0.0], [0.7], [3.0]])


@pytest.mark.parametrize("regressor", [Splines(), Splines(rotations=1), AdditiveMLP()])
def test_a_linear_outcome_is_extrapolated_although_it_is_confounded(regressor):
    # the slope's standard error is sd(c V) / (sqrt(n) sd(A)) = .025: .07 at three times the support
    train, latents = confounded(20_000, 1, lambda z: 1.5 * z[:, 0] + 2, seed=1)
    naive_slope = np.polyfit(latents[:, 0], train.outcome.numpy(), 1)[0]
    assert naive_slope > 2.5  # what ignoring the confounding gives
    stage = fit_control_function(latents, train, regressor, seed=0)
    expected = 1.5 * QUERIES[:, 0].numpy() + 2
    assert np.abs(stage.predict_do(QUERIES) - expected).max() < 0.35


def test_a_nonlinear_outcome_matches_its_closed_form():
    # E[(a + V)^2 / 4] = (a^2 + 1) / 4; beyond the knots splines are linear, so stay inside
    train, latents = confounded(20_000, 1, lambda z: z[:, 0] ** 2 / 4, seed=2)
    stage = fit_control_function(latents, train, Splines(), seed=0)
    actions = torch.linspace(-1, 1, 9)[:, None]
    expected = (actions[:, 0].numpy() ** 2 + 1) / 4
    assert np.abs(stage.predict_do(actions) - expected).max() < 0.06


def test_the_training_mean_of_the_outcome_is_met():
    """With balanced actions W a + v over all pairs is the same set of points for nu linear, so the
    average prediction over the training actions is the mean of Y, whatever the constant of Y."""
    train, latents = confounded(600, 2, lambda z: z.sum(axis=1) + 40, seed=3)
    stage = fit_control_function(latents, train, Splines(), seed=0)
    average = stage.predict_do(train.actions).mean()
    assert average == pytest.approx(float(train.outcome.mean()), abs=0.02)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("regressor", [Splines(knots=5), AdditiveMLP(steps=20)])
def test_mean_over_residuals_equals_brute_force(regressor, d):
    rng = np.random.default_rng(d)
    code, residual = rng.normal(size=(301, d)), rng.normal(size=(301, d))
    outcome = np.sin(code).sum(axis=1) + residual[:, 0]
    fitted = regressor.regress(code, residual, outcome, seed=5)
    centres = rng.normal(size=(7, d)) * 3
    brute = [fitted.nu(centre + residual).mean() for centre in centres]
    assert fitted.mean_nu_shifted(centres, residual) == pytest.approx(brute, rel=1e-5, abs=1e-6)


def test_spline_tails_are_linear_and_smooth_at_the_last_knot():
    rng = np.random.default_rng(0)
    code, residual = rng.normal(size=(500, 1)), rng.normal(size=(500, 1))
    fitted = Splines().regress(code, residual, np.sin(2 * code[:, 0]), seed=0)
    spline = fitted.splines[0]
    far = np.array([3.0, 4.0, 5.0, 50.0])
    for points, edge in ((far, spline.high), (-far, spline.low)):
        slopes = np.diff(spline(points)) / np.diff(points)
        assert slopes == pytest.approx(slopes[0])
        step = 1e-5
        inner = (spline(np.array(edge)) - spline(np.array(edge - np.sign(edge) * step))) / (
            np.sign(edge) * step
        )
        assert inner == pytest.approx(slopes[0], abs=1e-3)


def test_spline_fit_equals_scikit_learns_own_prediction():
    """The collapsed splines are the same function as transformer and ridge, tails included."""
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import SplineTransformer

    rng = np.random.default_rng(4)
    code, residual = rng.normal(size=(400, 2)), rng.normal(size=(400, 2))
    outcome = np.tanh(code).sum(axis=1) + residual[:, 0] ** 2
    fitted = Splines(rotations=1).regress(code, residual, outcome, seed=0)
    knots = np.linspace(0.05, 0.95, 8)
    bases = [
        SplineTransformer(degree=3, knots=np.quantile(x, knots, axis=0), extrapolation="linear")
        for x in (code, residual)
    ]
    design = [basis.fit_transform(x) for basis, x in zip(bases, (code, residual), strict=True)]
    ridge = RidgeCV(alphas=np.logspace(-3, 3, 13)).fit(np.hstack(design), outcome)
    points = rng.normal(size=(50, 2)) * 4
    expected = bases[0].transform(points) @ ridge.coef_[: design[0].shape[1]]
    assert fitted.nu(points) == pytest.approx(expected, abs=1e-9)


def test_affine_maps_of_the_code_change_nothing_in_one_dimension():
    train, latents = confounded(800, 1, lambda z: np.tanh(z[:, 0]), seed=6)
    first = fit_control_function(latents, train, Splines(), seed=0).predict_do(QUERIES)
    moved = fit_control_function(-1e3 * latents + 7, train, Splines(), seed=0).predict_do(QUERIES)
    assert moved == pytest.approx(first, rel=1e-6)


def test_whitening_gives_mean_zero_and_unit_covariance_and_drops_dead_directions():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 3)) @ np.diag([1e-2, 1.0, 1e2]) + 1e4
    white = Whitening.fit(rows).apply(rows)
    assert white.mean(axis=0) == pytest.approx(0, abs=1e-6)
    assert np.cov(white.T, bias=True) == pytest.approx(np.eye(3), abs=1e-6)
    dead = np.column_stack([rows, rows[:, 1]])
    assert Whitening.fit(dead).apply(dead).shape == (300, 3)


def test_a_code_that_is_constant_or_not_finite_is_refused():
    with pytest.raises(DataError, match="constant"):
        Whitening.fit(np.ones((10, 2)))
    with pytest.raises(DataError, match="not finite"):
        Whitening.fit(np.array([[0.0], [np.nan]]))
