"""`residualize` against the float64 reference, numpy's lstsq and closed forms."""

import importlib.util

import numpy as np
import pytest
import torch

from rep4ex_kernels import KernelInputError, RankDeficientWarning, rank_warnings, residualize
from rep4ex_kernels.residualize import reference

pytestmark = pytest.mark.usefixtures("each_device")

SIZES = [3, 63, 65, 257, 1000]
BACKENDS = ["torch", *(["numba"] if importlib.util.find_spec("numba") else [])]


def problem(n, k=2, d=3, seed=0, dtype=torch.float32):
    generator = torch.Generator(torch.get_default_device()).manual_seed(seed)
    actions = torch.randn(n, k, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, d, generator=generator, dtype=torch.float64)
    slope = torch.randn(k, d, generator=generator, dtype=torch.float64)
    return (actions @ slope + noise).to(dtype), actions.to(dtype)


def error(value, truth):
    return float((value.double() - truth.double()).norm() / truth.double().norm())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("k", [1, 2, 4, 7])
def test_matches_numpy(n, k, backend):
    n = max(n, k + 2)
    phi, a = problem(n, k)
    if n == k + 2 and backend == "numba":  # may be too near to dependent columns to be forced
        backend = None
    residual, coefficients = residualize(phi, a, backend=backend)
    design = np.column_stack([np.ones(n), a.double().cpu().numpy()])
    expected = np.linalg.lstsq(design, phi.double().cpu().numpy(), rcond=None)[0]
    assert error(coefficients, torch.tensor(expected)) < 1e-6
    assert error(residual, torch.tensor(phi.double().cpu().numpy() - design @ expected)) < 1e-6


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("offset", [0.0, 100.0, 1000.0])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_offsets_and_scales_cost_no_digits(offset, scale, backend):
    phi, a = problem(257, 3)
    phi, a = (phi + offset) * scale, (a + offset) * scale
    residual, _ = residualize(phi, a, backend=backend)
    assert error(residual, reference.residualize(phi, a)[0]) < 1e-6


@pytest.mark.parametrize(("condition", "limit"), [(1e3, 1e-5), (1e6, 1e-3)])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_ill_conditioned_actions(condition, limit, offset):
    rng = np.random.default_rng(1)
    left = np.linalg.qr(rng.normal(size=(1000, 4)))[0]
    right = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    a = torch.tensor(left * np.geomspace(1, 1 / condition, 4) @ right * 30 + offset).float()
    phi = torch.tensor(rng.normal(size=(1000, 3))).float() + a @ torch.randn(4, 3)
    design = np.column_stack([np.ones(1000), a.double().cpu().numpy()])
    q = np.linalg.qr(design)[0]
    expected = phi.double().cpu().numpy() - q @ (q.T @ phi.double().cpu().numpy())
    assert error(residualize(phi, a)[0], torch.tensor(expected)) < limit


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("ridge", "weighted"), [(0.0, False), (0.7, False), (0.7, True)])
@pytest.mark.parametrize(("n", "k", "d"), [(63, 1, 1), (257, 5, 2), (1000, 3, 9), (129, 33, 6)])
def test_values_and_gradients_of_batches(n, k, d, ridge, weighted, backend):
    g = torch.Generator(torch.get_default_device()).manual_seed(n)
    a, phi = torch.randn(3, n, k, generator=g) + 5, torch.randn(3, n, d, generator=g)
    w = torch.rand(3, n, generator=g) + 0.1 if weighted else None
    to_residual = torch.randn(3, n, d, generator=g)
    to_coefficients = torch.randn(3, k + 1, d, generator=g)

    def results(path):
        x = phi.clone().requires_grad_()
        residual, coefficients = residualize(x, a, ridge, w, backend=path)
        pulled = (residual * to_residual).sum() + (coefficients * to_coefficients).sum()
        return residual.detach(), coefficients.detach(), torch.autograd.grad(pulled, x)[0]

    for value, expected in zip(results(backend), results("reference"), strict=True):
        assert error(value, expected) < 2e-6


@pytest.mark.cpu
def test_threads_change_nothing_but_rounding():
    phi, a = problem(40_000, 3)
    before = torch.get_num_threads()
    alone = residualize(phi, a)[0]
    try:
        torch.set_num_threads(2)
        together = residualize(phi, a)[0]
        assert torch.equal(together, residualize(phi, a)[0])
    finally:
        torch.set_num_threads(before)
    assert error(together, alone) < 1e-7


def test_first_rows_without_weight_may_lie_anywhere():
    phi, a = problem(500, 2)
    w = torch.ones(500)
    w[:200] = 0
    a[:200] += 3e6
    residual, coefficients = residualize(phi, a, weights=w)
    alone = reference.residualize(phi[200:], a[200:])
    assert error(residual[200:], alone[0]) < 1e-6
    assert error(coefficients, alone[1]) < 1e-6


def test_float64_is_accurate_to_its_own_digits():
    phi, a = problem(257, 4, dtype=torch.float64)
    residual, coefficients = residualize(phi, a)
    expected = reference.residualize(phi, a)
    assert error(residual, expected[0]) < 1e-12
    assert error(coefficients, expected[1]) < 1e-12


def test_ridge_and_weights_have_their_closed_form():
    phi, a = problem(65, 3, dtype=torch.float64)
    w = torch.rand(65, dtype=torch.float64)
    w[::5] = 0
    _, coefficients = residualize(phi, a, ridge=2.5, weights=w)
    X = torch.cat([torch.ones(65, 1, dtype=torch.float64), a], 1)
    penalty = torch.diag(torch.tensor([0.0, 2.5, 2.5, 2.5], dtype=torch.float64))
    expected = torch.linalg.solve(X.T @ (w[:, None] * X) + penalty, X.T @ (w[:, None] * phi))
    assert error(coefficients, expected) < 1e-12


def test_row_of_weight_zero_counts_as_absent():
    phi, a = problem(65, 2, dtype=torch.float64)
    w = torch.ones(65, dtype=torch.float64)
    w[60:] = 0
    assert torch.allclose(
        residualize(phi, a, weights=w)[1], residualize(phi[:60], a[:60])[1], atol=1e-12
    )


def told(phi, actions):
    """`residualize` and its warnings, which on a GPU come with a later call."""
    result = residualize(phi, actions)
    rank_warnings()
    return result


def test_dependent_columns_are_named_and_harmless():
    phi, a = problem(257, 2)
    dependent = torch.stack([a[:, 0], a[:, 1], a[:, 0] + a[:, 1]], 1)
    with pytest.warns(RankDeficientWarning, match=r"columns \[2\] are constant or"):
        residual, coefficients = told(phi, dependent)
    assert error(residual, residualize(phi, a)[0]) < 1e-6
    centred = dependent.double().cpu().numpy() - dependent.double().cpu().numpy().mean(0)
    expected = np.linalg.lstsq(centred, phi.double().cpu().numpy(), rcond=1e-6)[0]
    assert error(coefficients[1:], torch.tensor(expected)) < 1e-5


def test_columns_dependent_up_to_their_rounding_are_named_and_kept():
    phi, a = problem(257, 2)
    dependent = torch.stack([a[:, 0], a[:, 1], a[:, 0] + a[:, 1]], 1) + 50
    with pytest.warns(RankDeficientWarning, match=r"columns \[2\] .* rounding"):
        residual, _ = told(phi, dependent)
    q = np.linalg.qr(np.column_stack([np.ones(257), dependent.double().cpu().numpy()]))[0]
    expected = phi.double().cpu().numpy() - q @ (q.T @ phi.double().cpu().numpy())
    assert error(residual, torch.tensor(expected)) < 1e-5


def test_constant_and_duplicated_columns():
    phi, a = problem(257, 2)
    columns = torch.stack([a[:, 0], torch.full((257,), 7.3), a[:, 1], a[:, 0]], 1)
    with pytest.warns(RankDeficientWarning, match=r"columns \[1, 3\]"):
        residual, coefficients = told(phi, columns)
    assert error(residual, residualize(phi, a)[0]) < 1e-6
    assert coefficients[2].abs().max() < 1e-12
    assert torch.allclose(coefficients[1], coefficients[4], rtol=1e-5)


def test_duplicated_rows_are_weights():
    phi, a = problem(65, 2, dtype=torch.float64)
    twice = residualize(torch.cat([phi, phi]), torch.cat([a, a]))[1]
    assert torch.allclose(twice, residualize(phi, a)[1], atol=1e-12)


def test_batches_broadcast_and_may_be_empty_or_strided():
    phi, a = problem(65, 2)
    stacked = torch.stack([phi, 2 * phi])
    residual, coefficients = residualize(stacked, a)
    assert residual.shape == (2, 65, 3)
    assert coefficients.shape == (2, 3, 3)
    assert torch.allclose(residual[1], 2 * residualize(phi, a)[0], atol=1e-5)
    strided = stacked.mT.contiguous().mT
    assert torch.equal(residualize(strided, a)[0], residual)
    assert residualize(phi.new_empty(0, 65, 3), a)[0].shape == (0, 65, 3)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_derivatives(weighted, ridge):
    phi, a = problem(9, 2, dtype=torch.float64)
    phi.requires_grad_()
    w = torch.rand(9, dtype=torch.float64) + 0.1 if weighted else None

    def function(x):
        residual, coefficients = residualize(x, a, ridge, w)
        return residual.square(), coefficients.square()

    assert torch.autograd.gradcheck(function, phi)
    assert torch.autograd.gradgradcheck(function, phi)


def test_gradient_of_dependent_columns():
    phi, a = problem(9, 2, dtype=torch.float64)
    a = torch.cat([a, a[:, :1]], 1)
    with pytest.warns(RankDeficientWarning):
        assert torch.autograd.gradcheck(lambda x: residualize(x, a), phi.requires_grad_())


@pytest.mark.cpu
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"actions": torch.randn(9, 2)}, "actions: expected n = 10 rows"),
        ({"actions": torch.randn(10)}, r"actions: expected shape \(..., n, columns\)"),
        ({"actions": torch.randn(10, 9)}, "actions: expected n >= 11 rows"),
        ({"actions": torch.ones(10, 2, dtype=torch.int64)}, "actions: expected a real floating"),
        ({"representation": torch.randn(10, 2, dtype=torch.complex64)}, "representation: expected"),
        ({"representation": [1.0]}, "representation: expected a torch.Tensor, got list"),
        ({"representation": torch.full((10, 2), float("nan"))}, "20 NaN or infinite of 20"),
        ({"actions": torch.randn(10, 2, requires_grad=True)}, "actions: expected a constant"),
        ({"actions": torch.randn(10, 2, device="meta")}, "actions: expected device cpu"),
        ({"actions": torch.randn(3, 10, 2), "representation": torch.randn(2, 10, 2)}, "broadcast"),
        ({"ridge": -1.0}, "ridge: expected a finite number of at least 0, got -1.0"),
        ({"weights": -torch.ones(10)}, "weights: expected values of at least 0, got -1.0"),
        ({"weights": torch.ones(9)}, r"weights: expected shape \(..., 10\)"),
        ({"weights": torch.zeros(10)}, "weights: expected at least k \\+ 2 = 4 rows above 0"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"representation": torch.randn(10, 2), "actions": torch.randn(10, 2)} | change
    with pytest.raises(KernelInputError, match=message):
        residualize(**arguments)
