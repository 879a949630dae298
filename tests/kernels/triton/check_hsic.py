"""HSIC against the formulas as written, dense float64, gradients by autograd.

Few rows run in one program and in the launches of many rows alike.
"""

import pytest
import torch

from rep4ex_kernels import _triton_pairs
from rep4ex_kernels.hsic import triton_impl
from rep4ex_kernels.hsic.triton_impl import hsic_pass


@pytest.fixture(params=["one program", "launches"])
def route(request, monkeypatch):
    if request.param == "launches":
        monkeypatch.setattr(triton_impl, "takes_one_program", lambda n, p, q, device: False)
    return request.param


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


def widths(*values):
    """Bandwidths of two problems."""
    return torch.tensor(values, dtype=torch.float64).expand(2).contiguous()


def accurate(actual, expected, relative_error, value=1e-5, gradient=1e-4):
    assert relative_error(actual[0], expected[0]) < value
    assert relative_error(actual[1], expected[1]) < gradient
    assert relative_error(actual[2], expected[2]) < gradient


def samples(generator, n, p, q, batch=2):
    x = torch.randn(batch, n, p, generator=generator)
    y = torch.randn(batch, n, q, generator=generator)
    y[..., 0] += torch.sin(2 * x[..., 0])
    return x, y


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize(("n", "p", "q"), [(4, 1, 1), (5, 3, 2), (257, 2, 1), (65, 64, 2)])
def test_value_and_gradients(generator, device, relative_error, route, n, p, q, unbiased):
    x, y = samples(generator, n, p, q)
    h = widths((2 * p) ** 0.5), widths((2 * q) ** 0.5)
    expected = reference(x, y, *h, unbiased)
    value, *gradients = hsic_pass(*[t.to(device) for t in (x, y, *h)], unbiased)
    # The unbiased statistic subtracts a diagonal of about 1 / n.
    error = (value.cpu().double() - expected[0]).abs()
    assert float((error / (expected[0].abs() + (0.1 / n if unbiased else 0.0))).max()) < 1e-5
    assert relative_error(gradients[0], expected[1]) < 1e-4
    assert relative_error(gradients[1], expected[2]) < 1e-4


def test_two_rows(generator, device, relative_error, route):
    x, y = samples(generator, 2, 1, 2)
    h = widths(1.0), widths(1.0)
    expected = reference(x, y, *h, False)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *h)], False)
    assert all(relative_error(a, e) < 1e-5 for a, e in zip(actual, expected, strict=True))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_offset_duplicates_and_a_constant_column(generator, device, relative_error, route, scale):
    x, y = samples(generator, 70, 4, 3)
    x[:, 35:], y[:, 35:] = x[:, :35].clone(), y[:, :35].clone()
    x[..., 3] = 2.0
    x, y = (x + 1000.0) * scale, (y + 1000.0) / scale
    h = widths(2.0 * scale), widths(2.0 / scale)
    expected = reference(x, y, *h, False)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *h)], False)
    accurate(actual, expected, relative_error)


def test_narrow_bandwidths_and_offsets_take_the_direct_form(
    generator, device, relative_error, route
):
    x, y = samples(generator, 100, 3, 1)
    x, y = x + 100.0, y - 100.0
    h = widths(0.2, 3.0), widths(0.05, 1.0)
    expected = reference(x, y, *h, False)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *h)], False)
    accurate(actual, expected, relative_error)


@pytest.mark.parametrize("unbiased", [False, True])
def test_weights_far_below_half_precision(generator, device, relative_error, unbiased):
    # Kernel values of about 2^-80 beside those of pairs that coincide, which pull nowhere.
    x, y = samples(generator, 60, 12, 12)
    x[:, 30], y[:, 40] = x[:, 31], y[:, 41]
    h = widths(0.5), widths(0.45)
    expected = reference(x, y, *h, unbiased)
    assert float(expected[1].abs().median()) < 2.0**-38  # this is the hard case
    actual = hsic_pass(*[t.to(device) for t in (x, y, *h)], unbiased)
    assert relative_error(actual[1], expected[1]) < 1e-4
    assert relative_error(actual[2], expected[2]) < 1e-4


def test_each_tile_takes_the_form_of_its_own_points(generator, device, relative_error, route):
    # Two outliers among 300 rows: their tile of 128 takes the direct form, in x or in y.
    x, y = samples(generator, 300, 3, 4, batch=1)
    x[:, 3] += 40.0
    y[:, 200] -= 30.0
    h = torch.tensor([2.5]).double(), torch.tensor([2.8]).double()
    expected = reference(x, y, *h, False)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *h)], False)
    accurate(actual, expected, relative_error)


def test_very_wide_bandwidths(generator, device, relative_error, route):
    x, y = samples(generator, 130, 2, 3)
    h = widths(50.0), widths(2.0, 60.0)
    expected = reference(x, y, *h, False)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *h)], False)
    accurate(actual, expected, relative_error)


def test_fast_mode_keeps_its_promise(generator, device, relative_error, monkeypatch):
    if device.type == "cpu":  # interpreted, the rows from which it is used take minutes
        monkeypatch.setattr(_triton_pairs, "FAST_ROWS", 64)
    n = _triton_pairs.FAST_ROWS + 65
    x, y = samples(generator, n, 2, 3, batch=1)
    h = torch.tensor([1.5]).double(), torch.tensor([1.2]).double()
    expected = reference(x, y, *h, False)
    arguments = [t.to(device) for t in (x, y, *h)]
    actual = hsic_pass(*arguments, False, "fast")
    accurate(actual, expected, relative_error, 1e-4, 1e-3)
    precise = hsic_pass(*arguments, False, "precise")
    accurate(precise, expected, relative_error)
    assert not torch.equal(precise[1], actual[1])


def test_two_runs_give_the_same_bits_and_empty_batches(generator, device, parallel_rows, route):
    n = parallel_rows(150)
    x, y = (t.to(device) for t in samples(generator, n, 2, 3))
    h = widths(1.0).to(device)
    first, second = hsic_pass(x, y, h, h, True), hsic_pass(x, y, h, h, True)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    value, grad_x, _ = hsic_pass(x[:0], y[:0], h[:0], h[:0], False)
    assert value.shape == (0,)
    assert grad_x.shape == (0, n, 2)


def test_nan_shows(generator, device, route):
    x, y = samples(generator, 70, 2, 3)
    y[0, 5, 1] = float("nan")
    h = widths(1.0)
    value, grad_x, grad_y = hsic_pass(*[t.to(device) for t in (x, y, h, h)], False)
    assert value.isnan().tolist() == [True, False]
    assert grad_x[0].isnan().all()
    assert grad_y[0].isnan().all()
    assert not (grad_x[1].isnan().any() | grad_y[1].isnan().any())


def test_bad_input_is_named(device):
    x, h = torch.zeros(1, 5, 2, device=device), torch.ones(1, device=device).double()
    with pytest.raises(TypeError, match=r"bandwidth_y: .*received torch.float32"):
        hsic_pass(x, x, h, h.float(), False)
    with pytest.raises(TypeError, match=r"y: .*received torch.float64"):
        hsic_pass(x, x.double(), h, h, False)
    many = torch.zeros(1, 1, 1, device=device).expand(1, 2**22, 600)
    with pytest.raises(ValueError, match=r"x and y: .*received 4194304 rows of 600 columns"):
        hsic_pass(many, many, h, h, False)
