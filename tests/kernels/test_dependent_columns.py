"""Least squares as a GPU takes it, whose algorithm asks the device nothing, on the CPU."""

import numpy as np
import pytest
import torch

from rep4ex_kernels import RankDeficientWarning, _least_squares
from rep4ex_kernels.residualize import reference, torch_impl


@pytest.fixture(params=[False, True], ids=["eager", "captured"])
def captured(request, monkeypatch):
    monkeypatch.setattr(_least_squares, "on_gpu", lambda _: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: request.param)
    return request.param


def expect_warning(captured, match):
    """While a graph is captured the device cannot be asked, so nothing can be said."""
    return pytest.warns(RankDeficientWarning, match=match) if not captured else NoWarning()


class NoWarning:
    def __enter__(self):
        import warnings

        self.catch = warnings.catch_warnings()
        self.catch.__enter__()
        warnings.simplefilter("error")

    def __exit__(self, *error):
        return self.catch.__exit__(*error)


def problem(columns=4):
    generator = torch.Generator().manual_seed(0)
    actions = torch.randn(3, 65, columns, generator=generator, dtype=torch.float64)
    noise = torch.randn(3, 65, 2, generator=generator, dtype=torch.float64)
    return torch.sin(actions[..., :2]) + noise, actions


def deficient():
    """One sound problem; one with copies on other scales; one with constants and a sum."""
    phi, actions = problem(5)
    actions[1, :, 2] = 1e3 * actions[1, :, 0]
    actions[1, :, 4] = 1e3 * actions[1, :, 0] + actions[1, :, 1]
    actions[2, :, 0] = 7.3
    actions[2, :, 3] = actions[2, :, 1] - actions[2, :, 2] + 4
    return phi, actions


def error(value, truth):
    return float((value - truth).norm() / truth.norm())


def test_sound_problems(captured):
    phi, actions = problem()
    with NoWarning():
        residual, coefficients = torch_impl.residualize_pass(phi, actions, 0.0, None)
    expected = reference.residualize(phi, actions)
    assert error(residual, expected[0]) < 1e-12
    assert error(coefficients, expected[1]) < 1e-12


@pytest.mark.parametrize("weighted", [False, True])
def test_dependent_columns_have_minimum_norm(captured, weighted):
    phi, actions = deficient()
    weights = torch.rand(3, 65, dtype=torch.float64) + 0.1 if weighted else None
    with expect_warning(captured, r"columns \[0, 2, 3, 4\] are .* \(in 2 problems"):
        residual, coefficients = torch_impl.residualize_pass(phi, actions, 0.0, weights)
    for i in range(3):
        root = np.ones(65) if weights is None else weights[i].sqrt().numpy()
        a, y = actions[i].numpy(), phi[i].numpy()
        a_mean = (root**2 @ a) / (root**2).sum()
        y_mean = (root**2 @ y) / (root**2).sum()
        design, target = root[:, None] * (a - a_mean), root[:, None] * (y - y_mean)
        slope = np.linalg.lstsq(design, target, rcond=1e-11)[0]
        assert error(coefficients[i, 1:], torch.tensor(slope)) < 1e-6
        assert error(residual[i], torch.tensor(y - y_mean - (a - a_mean) @ slope)) < 1e-9


def test_the_adjoint_of_dependent_columns(captured):
    phi, actions = deficient()
    g, t = torch.randn(3, 65, 2).double(), torch.randn(3, 6, 2).double()
    with expect_warning(captured, "columns"):
        residual, coefficients = torch_impl.residualize_pass(phi, actions, 0.0, None)
    forward = (residual * g).sum((1, 2)) + (coefficients * t).sum((1, 2))
    back = (torch_impl.residualize_adjoint(g, t, actions, 0.0, None) * phi).sum((1, 2))
    assert torch.allclose(forward, back, rtol=1e-6)


@pytest.mark.parametrize("condition", [1.0, 1e5])
def test_orthonormal_basis(captured, condition):
    _, actions = problem()
    actions = actions * torch.logspace(0, -1, 4, dtype=torch.float64) + 10
    actions[..., 3] = actions[..., 2] + actions[..., 3] / condition
    with NoWarning():
        basis = _least_squares.orthonormal_basis(actions)
    one = torch.eye(5, dtype=torch.float64)
    assert float((basis.mT @ basis - one).abs().max()) < 1e-13
    design = torch.cat([torch.ones(3, 65, 1, dtype=torch.float64), actions], 2)
    q = torch.linalg.qr(design - torch.cat([torch.zeros(3, 1, 1), actions.mean(1, True)], 2)).Q
    assert float((basis @ basis.mT - q @ q.mT).abs().max()) < 1e-15 * condition + 1e-12


def test_orthonormal_basis_of_dependent_columns(captured):
    _, actions = deficient()
    with expect_warning(captured, r"columns \[0, 2, 3, 4\]"):
        basis = _least_squares.orthonormal_basis(actions)
    assert [int(i) for i in (basis.square().sum(1) > 0.5).sum(1)] == [6, 4, 4]
    residual, _ = reference.residualize(actions, actions)
    outside = actions - basis @ (basis.mT @ actions)
    assert float((outside - residual).abs().max() / actions.abs().max()) < 1e-12


def test_eager_and_captured_give_the_same_bits(monkeypatch):
    phi, actions = deficient()
    monkeypatch.setattr(_least_squares, "on_gpu", lambda _: True)
    results = []
    for captured in (False, True):
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda c=captured: c)
        with expect_warning(captured, "columns"):
            first = torch_impl.residualize_pass(phi, actions, 0.0, None)
        with expect_warning(captured, "columns"):
            results.append([*first, _least_squares.orthonormal_basis(actions)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
