"""Learnt directions, their splines, calibration and the canonical frame."""

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from rep4ex_bench import TrainingData
from rep4ex_bench.methods.second_stages._calibration import mean_basis, quadratic_basis
from rep4ex_bench.methods.second_stages._canonical_frame import in_canonical_frame
from rep4ex_bench.methods.second_stages._control_function import fit_control_function
from rep4ex_bench.methods.second_stages._index_search import CANDIDATES, IndexFit, Rows
from rep4ex_bench.methods.second_stages._natural_spline import NaturalSplines
from rep4ex_bench.methods.second_stages._smoothing import fit_smooth
from rep4ex_bench.methods.second_stages.index_splines import IndexSplines
from rep4ex_bench.methods.second_stages.mlp import AdditiveMLP
from rep4ex_bench.methods.second_stages.splines import Splines
from rep4ex_bench.methods.second_stages.thin_plate import ThinPlate

MIX = np.array([[1.0, 2.0], [0.4, -1.0]])


def softplus(x):
    return np.logaddexp(0, 2 * x)


def data(n, seed=0, noise=0.1):
    """Z in axes where the outcome is additive, confounded with V."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1, 1, (n, 2))
    v = rng.normal(size=(n, 2))
    z = actions + v
    outcome = softplus(z[:, 0]) - softplus(z[:, 1] + 0.5) + v[:, 0] + noise * rng.normal(size=n)
    return TrainingData(actions, z, outcome), z


def truth(actions):
    v = np.random.default_rng(9).normal(size=(200_000, 2))
    return np.array(
        [np.mean(softplus(a[0] + v[:, 0]) - softplus(a[1] + v[:, 1] + 0.5)) for a in actions]
    )


@pytest.mark.parametrize(
    "regressor", [IndexSplines(starts=2), Splines(), ThinPlate(), AdditiveMLP(steps=100)]
)
def test_affine_maps_of_the_code_change_nothing(regressor):
    train, z = data(700)
    queries = torch.tensor([[-2.0, 1.0], [0.3, 0.2], [3.0, 3.0]])
    first = fit_control_function(z, train, regressor, seed=0).predict_do(queries)
    moved = fit_control_function(z @ MIX + 7, train, regressor, seed=0)
    # float32 training amplifies the rounding of the map; the others are exact up to it
    tolerance = 5e-2 if isinstance(regressor, AdditiveMLP) else 1e-6
    assert moved.predict_do(queries) == pytest.approx(first, rel=tolerance, abs=tolerance)


def test_the_frame_is_white_and_the_same_for_the_whole_affine_class():
    train, z = data(500)
    outcome = train.outcome.double().numpy()
    frame = in_canonical_frame(z, outcome)
    assert np.cov(frame.T, bias=True) == pytest.approx(np.eye(2), abs=1e-9)
    assert in_canonical_frame(z @ MIX - 3, outcome) == pytest.approx(frame, abs=1e-8)


def test_what_is_additive_in_hidden_axes_is_extrapolated():
    train, z = data(6_000)
    far = np.array([[3.0, -3.0], [-3.0, 3.0], [3.0, 3.0], [-2.0, -2.5]])
    expected = truth(far)
    learnt = fit_control_function(z @ MIX, train, IndexSplines(), seed=0)
    rotated = fit_control_function(z @ MIX, train, Splines(), seed=0)
    error, error_rotated = (
        np.square(stage.predict_do(torch.tensor(far)) - expected).mean()
        for stage in (learnt, rotated)
    )
    assert error < 0.02 * expected.var()
    assert error < 0.3 * error_rotated


def test_natural_splines_are_scipys():
    rng = np.random.default_rng(1)
    x, coefficients = rng.normal(size=(400, 2)), rng.normal(size=(2, 6))
    family = NaturalSplines(x, 7)
    values = np.einsum("qnk,qk->nq", family.basis(x), coefficients)
    for axis, spline in enumerate(family.splines(coefficients)):
        assert spline(x[:, axis]) == pytest.approx(values[:, axis], abs=1e-9)
    step = 1e-6
    above = np.einsum("qnk,qk->nq", family.basis(x + step), coefficients)
    assert family.slopes(x, coefficients) == pytest.approx((above - values) / step, abs=1e-3)
    # the penalty is the integral of the squared second derivative: trapezium on a fine grid
    knots = family.knots[0]
    natural = CubicSpline(knots, family.splines(coefficients)[0](knots), bc_type="natural")
    grid = np.linspace(knots[0], knots[-1], 200_001)
    integral = np.trapezoid(natural(grid, 2) ** 2, grid)
    assert coefficients[0] @ family.penalties[0] @ coefficients[0] == pytest.approx(integral, 1e-6)


def test_cross_validation_score_is_that_of_the_hat_matrix():
    rng = np.random.default_rng(2)
    design = rng.normal(size=(60, 4))
    design -= design.mean(axis=0)
    outcome = design[:, 0] + rng.normal(size=60)
    outcome -= outcome.mean()
    penalties = np.diag([1.0, 1, 0, 0]), np.diag([0.0, 0, 1, 1])
    candidates = [(a, b) for a in (1e-3, 0.1, 10.0) for b in (1e-2, 1.0)]
    scores = {}
    for a, b in candidates:
        hat = (
            design
            @ np.linalg.inv(design.T @ design + 60 * (a * penalties[0] + b * penalties[1]))
            @ design.T
        )
        rss = np.square(outcome - hat @ outcome).mean()
        scores[a, b] = rss / (1 - (np.trace(hat) + 1) / 60) ** 2
    best = fit_smooth(design, outcome, penalties, candidates)
    assert best.weights == min(scores, key=scores.get)
    assert best.score == pytest.approx(min(scores.values()), rel=1e-6)


def test_direction_derivatives_are_those_of_the_penalised_fit():
    """Moving along the gradient step must lower the score as a line search by brute force does."""
    train, z = data(1_500)
    outcome = train.outcome.double().numpy()
    residual = z - train.actions.double().numpy()
    rows = Rows(z / z.std(axis=0), residual, outcome - outcome.mean())
    angle = np.array([0.5, 2.2])
    fit = IndexFit(rows, np.vstack([np.cos(angle), np.sin(angle)]), 6, CANDIDATES)
    _, gradient = fit.normal_equations()
    step = 1e-4
    for j in range(2):
        tangent = np.array([-np.sin(angle[j]), np.cos(angle[j])])
        around = []
        for sign in (1, -1):
            moved = angle.copy()
            moved[j] += sign * step
            directions = np.vstack([np.cos(moved), np.sin(moved)])
            trial = fit.moved(directions)
            left = rows.outcome - trial._design @ trial.smooth.coefficients
            around.append(np.square(left).mean())
        numerical = (around[0] - around[1]) / (2 * step)
        # knots move with the directions, and Kaufman's step leaves out a small term
        assert -2 * gradient.reshape(2, 2)[j] @ tangent == pytest.approx(numerical, rel=0.1)


def test_mean_basis_is_the_mean_over_residuals():
    rng = np.random.default_rng(3)
    centres, residual = rng.normal(size=(40, 2)), rng.normal(size=(300, 2))
    family = NaturalSplines(np.vstack([centres, residual]), 6)
    fast = mean_basis(family, centres, residual)
    for row in (0, 17, 39):
        brute = family.basis(centres[row] + residual).mean(axis=1)
        assert fast[:, row] == pytest.approx(brute, abs=5e-3)


def test_a_large_calibration_meets_what_was_seen_inside_the_support():
    train, z = data(1_000)
    bent = z + 0.3 * np.sin(3 * z)  # a code that no affine map straightens
    actions, outcome = train.actions.double().numpy(), train.outcome.double().numpy()
    moments = quadratic_basis(actions)
    missed = []
    for weight in (0.0, 1e4):
        stage = fit_control_function(bent, train, IndexSplines(calibration=weight), seed=0)
        missed.append(np.linalg.norm(moments.T @ (outcome - stage.predict_do(train.actions))))
    assert missed[1] < 0.1 * missed[0]


def test_quadratic_basis_spans_what_it_says():
    centres = np.random.default_rng(4).normal(size=(50, 2))
    basis = quadratic_basis(centres)
    assert basis.T @ basis == pytest.approx(np.eye(5), abs=1e-9)
    target = centres[:, 0] * centres[:, 1] - 2 * centres[:, 1] ** 2
    target -= target.mean()
    assert basis @ (basis.T @ target) == pytest.approx(target, abs=1e-9)


def test_a_thin_plate_is_linear_far_out():
    rng = np.random.default_rng(5)
    code, residual = rng.normal(size=(400, 2)), rng.normal(size=(400, 2))
    fitted = ThinPlate(centres=30).regress(code, residual, np.sin(2 * code[:, 0]), seed=0)
    ray = np.array([1.0, 0.7])
    far = fitted.nu(ray * np.array([[1e3], [2e3], [3e3]]))
    near = fitted.nu(ray * np.array([[0.0], [0.5], [1.0]]))
    assert abs(far[2] - 2 * far[1] + far[0]) < 1e-3 * abs(far[2])
    assert abs(near[2] - 2 * near[1] + near[0]) > 0.05
