"""`linear_action`: closed forms, outcome functions, the parts of the generator, bad parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import ParameterError
from rep4ex_bench.registry import get_scenario
from rep4ex_bench.scenarios._outcome_functions import OUTCOME_FUNCTIONS, Interaction, Softplus


def _function(name: str, d: int, seed: int = 0) -> Any:
    return OUTCOME_FUNCTIONS[name](d, np.random.default_rng(seed))


def test_outcome_functions_are_the_documented_formulas() -> None:
    z = [0.7, -1.9, 2.4]
    for name in OUTCOME_FUNCTIONS:
        function = _function(name, 3)
        w, b = function.weights, function.offsets
        expected = {
            "softplus": sum(w[j] * math.log(1 + math.exp(2 * z[j] + b[j])) for j in range(3)),
            "bump": sum(
                2 * w[j] * math.exp(-((z[j] - b[j]) ** 2) / (2 * 2.0**2)) for j in range(3)
            ),
            "interaction": sum(w[j] * z[j] * math.tanh(z[(j + 1) % 3] + b[j]) for j in range(3)),
        }[name]
        assert float(function(np.array(z))) == pytest.approx(expected, rel=1e-12)
        assert function(np.zeros((4, 5, 3))).shape == (4, 5)


def test_closed_form_of_the_bump_agrees_with_quadrature() -> None:
    task = get_scenario("linear_action", n=50, outcome="bump").sample(3)
    assert task.truth.source == "closed form"
    assert (task.truth.standard_errors == 0).all()
    function: Any = task.oracle.outcome_function
    means = task.queries.actions @ task.oracle.action_effect.T
    for row in range(0, len(means), 20):
        # additive, and V_j has variance 1: one integral a coordinate
        total = sum(
            2.0
            * weight
            * integrate.quad(
                lambda v, mu=mu, b=b: math.exp(-((mu + v - b) ** 2) / 8) * stats.norm.pdf(v),
                -12,
                12,
            )[0]
            for mu, weight, b in zip(means[row], function.weights, function.offsets, strict=True)
        )
        assert task.truth.values[row] == pytest.approx(total, rel=1e-7, abs=1e-9)


def test_closed_form_of_the_bump_agrees_with_monte_carlo() -> None:
    task = get_scenario("linear_action", n=50, outcome="bump").sample(4)
    noise = task.oracle.draw_noise(200_000, 123)
    means = task.queries.actions @ task.oracle.action_effect.T
    for row in range(0, len(means), 20):
        values = task.oracle.outcome_function(means[row] + noise)
        error = values.std() / math.sqrt(len(values))
        assert abs(values.mean() - task.truth.values[row]) < 5 * error


def _hessians(function: Callable[[FloatArray], FloatArray], d: int) -> FloatArray:
    """Central second differences at random points, upper triangles as rows: (points, d(d+1)/2)."""
    points = np.random.default_rng(11).normal(0, 1.5, (200, d))
    h, axes, columns = 1e-3, np.eye(d), []
    for i in range(d):
        for j in range(i, d):
            e, f = h * axes[i], h * axes[j]
            corners = (
                function(points + e + f)
                - function(points + e - f)
                - function(points - e + f)
                + function(points - e - f)
            )
            columns.append(corners / (4 * h**2))
    return np.column_stack(columns)


def _rank(rows: FloatArray) -> int:
    singular = np.linalg.svd(rows, compute_uv=False)
    return int((singular > 1e-4 * singular[0]).sum())


@pytest.mark.parametrize("d", [2, 3])
def test_interaction_is_additive_in_no_axes(d: int) -> None:
    """Additivity in any basis confines the Hessians to a proper subspace; these span them all.

    If l is additive along p and q, p' H(z) q = 0 for every z. Hessians that span all symmetric
    matrices leave only p q' + q p' = 0, so p = 0 or q = 0.
    """
    for seed in range(5):
        function = Interaction(d, np.random.default_rng(seed))
        assert _rank(_hessians(function, d)) == d * (d + 1) // 2


def test_hessian_argument_sees_additivity_in_any_axes() -> None:
    function = Softplus(2, np.random.default_rng(0))
    basis = np.array([[0.8, -1.1], [0.5, 0.4]])
    assert _rank(_hessians(function, 2)) == 2
    assert _rank(_hessians(lambda z: function(z @ basis), 2)) == 2


def test_action_effect_and_latent_noise_are_as_documented() -> None:
    for seed in range(3):
        task = get_scenario("linear_action", n=50, outcome="bump", k=2, d=3).sample(seed)
        double = get_scenario("linear_action", n=50, outcome="bump", k=2, d=3, alpha=2.0).sample(
            seed
        )
        assert np.linalg.cond(task.oracle.action_effect) <= 2 * (1 + 1e-12)
        np.testing.assert_allclose(
            double.oracle.action_effect, 2 * task.oracle.action_effect, rtol=1e-12
        )
        noise = task.oracle.draw_noise(100_000, 5)
        # the variance of a sample variance of a Gaussian is 2 / n; of a mean 1 / n
        assert np.abs(noise.var(axis=0) - 1).max() < 5 * math.sqrt(2 / len(noise))
        assert np.abs(noise.mean(axis=0)).max() < 5 / math.sqrt(len(noise))
        off_diagonal = np.corrcoef(noise.T)[np.triu_indices(3, 1)]
        assert np.abs(off_diagonal).max() > 0.1


def test_one_parameter_moves_only_its_own_part() -> None:
    base = get_scenario("linear_action", n=60, outcome="bump").sample(0)
    other = get_scenario("linear_action", n=60, outcome="softplus", confounding=0.0).sample(0)
    assert torch.equal(base.train.actions, other.train.actions)
    assert torch.equal(base.train.features, other.train.features)
    assert not torch.equal(base.train.outcome, other.train.outcome)
    mixed = get_scenario("linear_action", n=60, outcome="bump", layers=3).sample(0)
    assert torch.equal(base.train.outcome, mixed.train.outcome)
    assert not torch.equal(base.train.features, mixed.train.features)


@pytest.mark.parametrize(("k", "d", "m"), [(1, 1, 1), (1, 2, 10), (3, 2, 4), (4, 4, 10)])
def test_dimensions_are_the_parameters(k: int, d: int, m: int) -> None:
    task = get_scenario("linear_action", n=30, k=k, d=d, m=m, outcome="bump").sample(0)
    assert task.train.actions.shape == (30, k)
    assert task.train.features.shape == (30, m)
    assert task.oracle.latents.shape == (30, d)
    assert task.train.latent_dim == d
    assert task.queries.actions.shape[1] == k


BAD = [
    ({"k": 0}, "k"),
    ({"d": 0}, "d"),
    ({"d": 2.0}, "d"),
    ({"k": True}, "k"),
    ({"m": 1}, "m"),
    ({"n": 3}, "n"),
    ({"n": "many"}, "n"),
    ({"alpha": -1.0}, "alpha"),
    ({"alpha": math.nan}, "alpha"),
    ({"confounding": -0.1}, "confounding"),
    ({"noise": math.inf}, "noise"),
    ({"layers": -1}, "layers"),
    ({"slope": 0.0}, "slope"),
    ({"slope": 1.5}, "slope"),
    ({"condition": 0.5}, "condition"),
    ({"mixing": "cubic"}, "mixing"),
    ({"outcome": "sine"}, "outcome"),
    ({"outcome": "interaction", "d": 1, "k": 1}, "outcome"),
]


@pytest.mark.parametrize(("parameters", "named"), BAD)
def test_bad_parameter_is_named(parameters: dict[str, Any], named: str) -> None:
    with pytest.raises(ParameterError, match=f"linear_action: parameter {named} must be"):
        get_scenario("linear_action", **parameters)


def test_parameters_set_later_are_checked_before_sampling() -> None:
    scenario = get_scenario("linear_action", n=30).set_params(slope=0.0)
    with pytest.raises(ParameterError, match="slope"):
        scenario.sample(0)


@pytest.mark.parametrize(
    ("parameters", "moved"),
    [({"k": 1, "d": 2, "m": 4}, 1), ({"k": 3, "d": 2, "m": 4}, 2), ({"alpha": 0.0}, None)],
)
def test_the_number_of_latents_that_the_actions_move_is_told(parameters, moved):
    """As the rank of how latents differ between units that differ in their actions alone."""
    task = get_scenario("linear_action", n=60, **parameters).sample(0)
    assert task.train.moved_dim == moved
    there, back = (task.oracle.counterfactual(sign * np.eye(60, task.train.k)) for sign in (1, -1))
    assert np.linalg.matrix_rank(there.latents - back.latents, tol=1e-8) == (moved or 0)
