"""Batched least squares against the normal equations' definition by a float64 pseudo-inverse."""

import warnings

import pytest
import torch

from rep4ex_kernels import RankDeficientWarning, rank_warnings
from rep4ex_kernels.residualize import triton_impl
from rep4ex_kernels.residualize.triton_impl import residualize_pass


def reference(phi, actions, ridge=0.0, weights=None):
    """Minimum-norm minimiser of sum_i w_i |phi_i - c - W'a_i|^2 + ridge |W|^2."""
    phi, a = phi.double(), actions.double()
    w = torch.ones_like(a[..., 0]) if weights is None else weights.double()
    w = w[..., None]
    mean_a, mean_phi = (
        (w * a).sum(1, True) / w.sum(1, True),
        (w * phi).sum(1, True) / w.sum(1, True),
    )
    eye = ridge**0.5 * torch.eye(a.shape[2], dtype=a.dtype).expand(a.shape[0], -1, -1)
    design = torch.cat([w.sqrt() * (a - mean_a), eye], 1)
    target = torch.cat(
        [w.sqrt() * (phi - mean_phi), eye.new_zeros(*eye.shape[:2], phi.shape[2])], 1
    )
    slope = torch.linalg.pinv(design, rtol=1e-9) @ target
    intercept = mean_phi - mean_a @ slope
    return phi - intercept - a @ slope, torch.cat([intercept, slope], 1)


def conditioned(generator, n, k, condition):
    u, _, v = torch.linalg.svd(torch.randn(1, n, k, generator=generator).double(), False)
    singular = torch.logspace(1, 1 - torch.log10(torch.tensor(condition)).item(), k).double()
    return (u * singular @ v).float()


def told(function, *args):
    """A call and its warnings, which on a GPU come with a later call."""
    result = function(*args)
    rank_warnings()
    return result


def run(device, phi, actions, ridge=0.0, weights=None):
    moved = [t if t is None else t.to(device) for t in (phi, actions, weights)]
    return residualize_pass(moved[0], moved[1], ridge, moved[2])


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("batch", "n", "k", "d", "ridge"),
    [(2, 65, 1, 3, 0.0), (3, 257, 4, 8, 0.5), (1, 1500, 2, 1, 0.0), (2, 100, 5, 40, 0.0),
     (1, 90, 33, 3, 0.1)],
)  # fmt: skip
def test_residual_and_coefficients(
    generator, device, relative_error, batch, n, k, d, ridge, weighted, offset
):
    actions = torch.randn(batch, n, k, generator=generator) + offset
    phi = torch.randn(batch, n, d, generator=generator) + actions[..., :1]
    weights = torch.rand(batch, n, generator=generator) + 0.1 if weighted else None
    expected = reference(phi, actions, ridge, weights)
    residual, coefficients = run(device, phi, actions, ridge, weights)
    assert residual.dtype == coefficients.dtype == torch.float32
    assert relative_error(residual, expected[0]) < 1e-5
    assert relative_error(coefficients, expected[1]) < 1e-5


@pytest.mark.parametrize(("condition", "tolerance"), [(1e3, 1e-5), (1e6, 1e-3)])
def test_ill_conditioned_actions(generator, device, relative_error, condition, tolerance):
    actions = conditioned(generator, 500, 6, condition) + 3.0
    phi = torch.randn(1, 500, 4, generator=generator) + 100.0 * actions[..., :1]
    expected = reference(phi, actions)
    residual, _ = run(device, phi, actions)
    assert relative_error(residual, expected[0]) < tolerance


def test_dependent_columns_give_the_minimum_norm_solution(generator, device, relative_error):
    actions = torch.randn(2, 60, 4, generator=generator)
    actions[0, :, 2] = actions[0, :, 0]  # duplicate
    actions[0, :, 3] = 1.0  # constant; the second problem of the batch is sound
    phi = torch.randn(2, 60, 3, generator=generator)
    expected = reference(phi, actions)
    with pytest.warns(RankDeficientWarning, match=r"columns \[2, 3\]"):
        residual, coefficients = told(run, device, phi, actions)
    assert relative_error(residual, expected[0]) < 1e-5
    assert relative_error(coefficients, expected[1]) < 1e-5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told(run, device, phi[1:], actions[1:])


def test_the_adjoint_is_the_transpose(generator, device):
    # Of dependent columns too, whose coefficients are those of minimum norm.
    actions = torch.randn(2, 60, 4, generator=generator) + 7
    actions[0, :, 2] = actions[0, :, 0] - actions[0, :, 1]
    weights = torch.rand(2, 60, generator=generator) + 0.1
    phi, g = (torch.randn(2, 60, 3, generator=generator) for _ in range(2))
    t = torch.randn(2, 5, 3, generator=generator)
    moved = [v.to(device) for v in (phi, actions, weights, g, t)]
    with pytest.warns(RankDeficientWarning):
        residual, coefficients, state = told(
            triton_impl.residualize_with_state, moved[0], moved[1], 0.0, moved[2]
        )
    back = triton_impl.adjoint_with_state(moved[3], moved[4], moved[1], moved[2], state)
    forward = (residual.cpu().double() * g).sum((1, 2)) + (coefficients.cpu().double() * t).sum(
        (1, 2)
    )
    transposed = (back.cpu().double() * phi).sum((1, 2))
    assert torch.allclose(forward, transposed, rtol=1e-5)


def test_columns_dependent_up_to_their_rounding_are_named(generator, device, relative_error):
    actions = torch.randn(2, 65, 3, generator=generator)
    actions[1, :, 2] = actions[1, :, 0] + actions[1, :, 1]
    actions = actions + 50
    phi = torch.randn(2, 65, 2, generator=generator)
    with pytest.warns(RankDeficientWarning, match=r"columns \[2\] .* rounding"):
        residual, _ = told(run, device, phi, actions)
    q = torch.linalg.qr(torch.cat([torch.ones(2, 65, 1), actions], 2).double()).Q
    assert relative_error(residual, phi.double() - q @ (q.mT @ phi.double())) < 1e-5


def test_fewer_rows_than_columns(generator, device):
    phi, actions = torch.randn(1, 3, 2), torch.randn(1, 3, 5, generator=generator)
    residual, _ = run(device, phi, actions)
    assert float(residual.abs().max()) < 1e-5


def test_two_runs_give_the_same_bits_and_empty_batches(generator, device):
    phi, actions = torch.randn(2, 700, 3, generator=generator), torch.randn(2, 700, 2)
    first, second = run(device, phi, actions), run(device, phi, actions)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    residual, coefficients = run(device, phi[:0], actions[:0])
    assert residual.shape == (0, 700, 3)
    assert coefficients.shape == (0, 3, 3)


def test_bad_input_is_named(device):
    phi = torch.zeros(1, 4, 2, device=device)
    with pytest.raises(TypeError, match=r"weights: .*received torch.float64"):
        residualize_pass(phi, phi, 0.0, torch.ones(1, 4, dtype=torch.float64, device=device))
