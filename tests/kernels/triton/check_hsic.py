"""HSIC against the formulas as written, dense float64, gradients by autograd."""

import pytest
import torch

from rep4ex_kernels.hsic.triton_impl import hsic_pass


def gaussian(x, bandwidth):
    squares = (x[:, :, None] - x[:, None]).square().sum(-1)
    return torch.exp(-squares / (2 * bandwidth.double()[:, None, None] ** 2))


def reference(x, y, bandwidth_x, bandwidth_y, unbiased):
    x, y = x.double().requires_grad_(), y.double().requires_grad_()
    K, L = gaussian(x, bandwidth_x), gaussian(y, bandwidth_y)
    n = x.shape[1]
    eye = torch.eye(n, dtype=K.dtype)
    if unbiased:
        K, L = K * (1 - eye), L * (1 - eye)
        middle = K.sum((1, 2)) * L.sum((1, 2)) / ((n - 1) * (n - 2))
        cross = 2 / (n - 2) * (K.sum(1) * L.sum(1)).sum(1)
        value = ((K * L).sum((1, 2)) + middle - cross) / (n * (n - 3))
    else:
        H = eye - 1 / n
        value = (K * (H @ L @ H)).sum((1, 2)) / n**2
    return value.detach(), *torch.autograd.grad(value.sum(), (x, y))


def samples(generator, n, p, q, batch=2):
    x = torch.randn(batch, n, p, generator=generator)
    y = torch.randn(batch, n, q, generator=generator)
    y[..., 0] += torch.sin(2 * x[..., 0])
    return x, y


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize(("n", "p", "q"), [(4, 1, 1), (5, 3, 2), (257, 2, 1), (65, 64, 2)])
def test_value_and_gradients(generator, device, relative_error, n, p, q, unbiased):
    x, y = samples(generator, n, p, q)
    h = torch.full((2,), (2 * p) ** 0.5), torch.full((2,), (2 * q) ** 0.5)
    expected = reference(x, y, *h, unbiased)
    arguments = [t.to(device) for t in (x, y, *h)]
    value, grad_x, grad_y = hsic_pass(*arguments, unbiased)
    # The unbiased statistic subtracts a diagonal of about 1 / n.
    error = (value.cpu().double() - expected[0]).abs()
    assert float((error / (expected[0].abs() + (0.1 / n if unbiased else 0.0))).max()) < 1e-5
    assert relative_error(grad_x, expected[1]) < 1e-4
    assert relative_error(grad_y, expected[2]) < 1e-4


def test_two_rows(generator, device, relative_error):
    x, y = samples(generator, 2, 1, 2)
    h = torch.ones(2), torch.ones(2)
    expected = reference(x, y, *h, False)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *h)], False)
    assert all(relative_error(a, e) < 1e-5 for a, e in zip(actual, expected, strict=True))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_offset_duplicates_and_a_constant_column(generator, device, relative_error, scale):
    x, y = samples(generator, 70, 4, 3)
    x[:, 35:], y[:, 35:] = x[:, :35].clone(), y[:, :35].clone()
    x[..., 3] = 2.0
    x, y = (x + 1000.0) * scale, (y + 1000.0) / scale
    h = torch.full((2,), 2.0 * scale), torch.full((2,), 2.0 / scale)
    expected = reference(x, y, *h, False)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *h)], False)
    assert relative_error(actual[0], expected[0]) < 1e-5
    assert relative_error(actual[1], expected[1]) < 1e-4
    assert relative_error(actual[2], expected[2]) < 1e-4


def test_narrow_bandwidths_and_offsets_take_the_direct_form(generator, device, relative_error):
    x, y = samples(generator, 100, 3, 1)
    x, y = x + 100.0, y - 100.0
    h = torch.tensor([0.2, 3.0]), torch.tensor([0.05, 1.0])
    expected = reference(x, y, *h, False)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *h)], False)
    assert relative_error(actual[0], expected[0]) < 1e-5
    assert relative_error(actual[1], expected[1]) < 1e-4
    assert relative_error(actual[2], expected[2]) < 1e-4


def test_two_runs_give_the_same_bits_and_empty_batches(generator, device):
    x, y = (t.to(device) for t in samples(generator, 150, 2, 3))
    h = torch.ones(2, device=device)
    first, second = hsic_pass(x, y, h, h, True), hsic_pass(x, y, h, h, True)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    value, grad_x, _ = hsic_pass(x[:0], y[:0], h[:0], h[:0], False)
    assert value.shape == (0,)
    assert grad_x.shape == (0, 150, 2)


def test_bad_input_is_named(device):
    x, h = torch.zeros(1, 5, 2, device=device), torch.ones(1, device=device)
    with pytest.raises(TypeError, match=r"bandwidth_y: .*received torch.float64"):
        hsic_pass(x, x, h, h.double(), False)
