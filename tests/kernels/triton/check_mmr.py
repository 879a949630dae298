"""Gaussian kernel product against a dense float64 reference."""

import pytest
import torch

from rep4ex_kernels import _triton_pairs
from rep4ex_kernels.mmr import reference as mmr_reference
from rep4ex_kernels.mmr import triton_autograd, triton_small
from rep4ex_kernels.mmr.triton_impl import kernel_product, penalty_pass

PRECISE = {"value": 1e-5, "gradient": 1e-4}
FAST = {"value": 1e-4, "gradient": 1e-3}


def reference(points, values, bandwidth):
    """sum_j exp(-|p_i - p_j|^2 / (2 h^2)) v_j, dense."""
    p, v, h = points.double(), values.double(), bandwidth.double()
    squares = (p[:, :, None] - p[:, None]).square().sum(-1)
    return torch.exp(-squares / (2 * h[:, None, None] ** 2)) @ v


def problem(generator, batch, n, k, d, factor, residual=True):
    """Points, values orthogonal to [1, points] where there are enough rows, and a bandwidth."""
    points = torch.randn(batch, n, k, generator=generator)
    points = points - points.mean(1, keepdim=True)
    values = torch.randn(batch, n, d, generator=generator).double()
    basis = torch.cat([torch.ones(batch, n, 1), points], -1).double()
    if residual and n > 2 * (k + 1):
        q = torch.linalg.qr(basis)[0]
        values = values - q @ (q.mT @ values)
    bandwidth = torch.full((batch,), factor * (2 * k) ** 0.5)
    return points, values.float(), bandwidth, basis


def projected(u, basis):
    q = torch.linalg.qr(basis)[0]
    return u - q @ (q.mT @ u)


@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0])
@pytest.mark.parametrize(
    ("batch", "n", "k", "d"),
    [
        (1, 65, 1, 2),
        (2, 257, 1, 3),
        (1, 257, 2, 1),
        (2, 63, 4, 8),
        (1, 257, 5, 17),
        (1, 257, 16, 33),
    ],
)
def test_penalty_and_gradient(generator, device, relative_error, batch, n, k, d, factor):
    points, values, bandwidth, basis = problem(generator, batch, n, k, d, factor)
    expected = reference(points, values, bandwidth)
    actual = kernel_product(points.to(device), values.to(device), bandwidth.to(device)).cpu()
    value = (values.double() * actual.double()).sum((1, 2))
    expected_value = (values.double() * expected).sum((1, 2))
    assert relative_error(value, expected_value) < PRECISE["value"]
    gradient = projected(actual.double(), basis)
    assert relative_error(gradient, projected(expected, basis)) < PRECISE["gradient"]


@pytest.mark.parametrize(
    ("n", "k", "d"), [(1, 1, 1), (2, 1, 1), (2, 3, 2), (1, 5, 40), (70, 33, 70), (40, 130, 3)]
)
def test_sizes_at_the_edges(generator, device, relative_error, n, k, d):
    points, values, bandwidth, _ = problem(generator, 2, n, k, d, 1.0, residual=False)
    actual = kernel_product(points.to(device), values.to(device), bandwidth.to(device))
    assert actual.dtype == torch.float32
    assert relative_error(actual, reference(points, values, bandwidth)) < 1e-5


@pytest.mark.parametrize(
    ("n", "k", "d", "precision", "tolerance"),
    [
        pytest.param(2100, 4, 8, "precise", PRECISE, marks=pytest.mark.many_programs),
        (2100, 1, 1, "fast", FAST),
    ],
)
def test_many_rows_take_several_splits_and_chunks(
    generator, device, relative_error, n, k, d, precision, tolerance
):
    points, values, bandwidth, basis = problem(generator, 1, n, k, d, 1.0)
    # Values that depend on the points, as those of an encoder in training do.
    values = projected(values.double() + torch.sin(2 * points[..., :1].double()), basis).float()
    expected = reference(points, values, bandwidth)
    arguments = points.to(device), values.to(device), bandwidth.to(device)
    actual = kernel_product(*arguments, precision).cpu().double()
    error = relative_error((values * actual).sum(), (values.double() * expected).sum())
    assert error < tolerance["value"]
    assert (
        relative_error(projected(actual, basis), projected(expected, basis))
        < (tolerance["gradient"])
    )


def test_fast_mode_rounds_the_kernel_once(generator, device, relative_error, monkeypatch):
    # Shows that the mode is honoured: fast is measurably coarser, and within its own bound.
    monkeypatch.setattr(_triton_pairs, "FAST_ROWS", 0)
    points, values, bandwidth, _ = problem(generator, 1, 257, 4, 8, 1.0)
    expected = reference(points, values, bandwidth)
    arguments = points.to(device), values.to(device), bandwidth.to(device)
    assert 1e-5 < relative_error(kernel_product(*arguments, "fast"), expected) < 1e-3
    assert relative_error(kernel_product(*arguments, "precise"), expected) < 1e-6


@pytest.mark.parametrize(("n", "k", "d"), [(300, 3, 33), (300, 1, 1)])
def test_fast_mode_keeps_its_promise_for_noise(
    generator, device, relative_error, monkeypatch, n, k, d
):
    # A penalty at its noise level is made of the diagonal, which rounds to one number.
    monkeypatch.setattr(_triton_pairs, "FAST_ROWS", 0)
    actions, phi = (torch.randn(1, n, width, generator=generator) for width in (k, d))
    width = torch.full((1,), 0.5 * (2 * k) ** 0.5, dtype=torch.float64)
    found = penalty_pass(phi.to(device), actions.to(device), width.to(device), "fast")
    leaf = phi.double().requires_grad_()
    expected = mmr_reference.mmr_penalty(leaf, actions.double(), width)
    gradient = found.gradient(actions.to(device), torch.ones(1, device=device))
    assert relative_error(found.value, expected.detach()) < 1e-3
    assert relative_error(gradient, torch.autograd.grad(expected.sum(), leaf)[0]) < 1e-3


@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("statistic", ["v", "u"])
@pytest.mark.parametrize(("batch", "n", "k", "d"), [(2, 65, 1, 1), (2, 130, 4, 8), (1, 70, 17, 5)])
def test_the_penalty_and_its_gradient(
    generator, device, relative_error, batch, n, k, d, statistic, factor
):
    """What an eager call takes: all of it in one program for few rows and columns, or launches."""
    actions = torch.randn(batch, n, k, generator=generator) + 100
    phi = torch.randn(batch, n, d, generator=generator) + torch.sin(actions[..., :1]) + 50
    width = torch.full((batch,), factor * (2 * k) ** 0.5, dtype=torch.float64)
    if not triton_autograd.takes(k, d, statistic):
        pytest.skip("wider than the kernels of this statistic take")
    leaf = phi.to(device).requires_grad_()
    value = triton_autograd.penalty(
        leaf, actions.to(device), width.to(device), statistic, "precise", "triton"
    )
    upstream = torch.linspace(1.0, 2.0, batch)
    (gradient,) = torch.autograd.grad(value, leaf, upstream.to(value))
    wide = phi.double().requires_grad_()
    expected = mmr_reference.mmr_penalty(wide, actions.double(), width, statistic)
    (wanted,) = torch.autograd.grad(expected, wide, upstream.double())
    # The unbiased value may be near zero; it is compared with the noise that it leaves out.
    noise = mmr_reference.mmr_penalty(wide, actions.double(), width).detach()
    error = (value.detach().cpu().double() - expected.detach()).abs() / noise
    assert float(error.max()) < 1e-5
    assert relative_error(gradient, wanted) < 1e-4


@pytest.mark.parametrize("precise", [True, False])
def test_few_rows_give_the_bits_of_many_launches(generator, device, monkeypatch, precise):
    actions, phi = (torch.randn(3, 140, width, generator=generator).to(device) for width in (3, 5))
    width = torch.ones(3, dtype=torch.float64, device=device)
    precision = "precise" if precise else "fast"  # the same for so few rows
    whole = penalty_pass(phi, actions, width, precision)
    monkeypatch.setattr(triton_small, "MOST_ROWS", 0)
    apart = penalty_pass(phi, actions, width, precision)
    assert torch.equal(whole.value, apart.value)
    assert torch.equal(whole.product, apart.product)


def test_a_known_state_of_the_actions_changes_little(generator, device, relative_error):
    actions, phi = (torch.randn(2, 140, width, generator=generator).to(device) for width in (3, 5))
    width = torch.ones(2, dtype=torch.float64, device=device)
    state = triton_autograd.action_state(actions)
    known = penalty_pass(phi, actions, width, "precise", state)
    found = penalty_pass(phi, actions, width)
    assert relative_error(known.value, found.value.cpu().double()) < 1e-6


def test_scales_of_values_and_duplicate_rows(generator, device, relative_error):
    points, values, bandwidth, _ = problem(generator, 1, 130, 3, 5, 1.0, residual=False)
    points[:, 40:80] = points[:, :40]
    values[..., 0] *= 1e-3
    values[..., 1] *= 1e3
    values[..., 2] = 0.0
    actual = kernel_product(points.to(device), values.to(device), bandwidth.to(device)).cpu()
    expected = reference(points, values, bandwidth)
    for column in (0, 1, 3, 4):
        assert relative_error(actual[..., column], expected[..., column]) < 1e-5
    assert torch.equal(actual[..., 2], torch.zeros_like(actual[..., 2]))


def test_spread_points_take_the_direct_form(generator, device, relative_error):
    # Hundreds of bandwidths from the mean a half-precision norm is far off; the problem beside it
    # in the batch keeps its own form.
    points, values, bandwidth, _ = problem(generator, 2, 100, 4, 3, 1.0, residual=False)
    points[0, :50] += 1e2
    points[0, 50:] -= 1e2
    actual = kernel_product(points.to(device), values.to(device), bandwidth.to(device))
    expected = reference(points, values, bandwidth)
    assert relative_error(actual[:1], expected[:1]) < 1e-5
    assert relative_error(actual[1:], expected[1:]) < 1e-6


def test_a_batch_mixes_wide_and_narrow_bandwidths(generator, device, relative_error):
    points, values, _, _ = problem(generator, 3, 65, 4, 3, 1.0, residual=False)
    bandwidth = torch.tensor([0.05, 2.0, 500.0])
    actual = kernel_product(points.to(device), values.to(device), bandwidth.to(device))
    assert relative_error(actual, reference(points, values, bandwidth)) < 1e-5


def test_two_runs_give_the_same_bits(generator, device, parallel_rows):
    points, values, bandwidth, _ = problem(generator, 2, parallel_rows(300), 4, 3, 1.0)
    arguments = points.to(device), values.to(device), bandwidth.to(device)
    assert torch.equal(kernel_product(*arguments), kernel_product(*arguments))


@pytest.mark.parametrize("shape", [(0, 5, 2, 3), (2, 5, 0, 3), (2, 5, 2, 0)])
def test_empty_inputs(device, shape):
    batch, n, k, d = shape
    points = torch.zeros(batch, n, k, device=device)
    values = torch.ones(batch, n, d, device=device)
    actual = kernel_product(points, values, torch.ones(batch, device=device))
    assert actual.shape == values.shape
    if k == 0:
        assert torch.equal(actual, torch.full_like(values, n))


def test_nan_in_a_point_reaches_its_row(generator, device):
    points, values, bandwidth, _ = problem(generator, 1, 66, 4, 3, 1.0, residual=False)
    points[0, 7, 2] = float("nan")
    actual = kernel_product(points.to(device), values.to(device), bandwidth.to(device))
    assert torch.isnan(actual[0, 7]).all()


def test_bad_input_is_named(device):
    points = torch.zeros(1, 4, 2, device=device)
    with pytest.raises(TypeError, match=r"values: .*float32.*received torch.float16"):
        kernel_product(points, points.half(), torch.ones(1, device=device))
    with pytest.raises(ValueError, match=r"precision: expected one of .*received 'exact'"):
        kernel_product(points, points, torch.ones(1, device=device), "exact")
