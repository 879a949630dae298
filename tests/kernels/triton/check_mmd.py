"""MMD^2 and the energy distance against dense float64 references with autograd gradients.

Few rows run in one program and in the launches of many rows alike.
"""

import pytest
import torch

from rep4ex_kernels import _triton_pairs
from rep4ex_kernels.energy.triton_impl import energy_pass
from rep4ex_kernels.mmd import triton_impl
from rep4ex_kernels.mmd.triton_impl import mmd_pass


@pytest.fixture(params=["one program", "launches"])
def route(request, monkeypatch):
    if request.param == "launches":
        monkeypatch.setattr(triton_impl, "takes_one_program", lambda *_: False)
    return request.param


def distances(a, b):
    """Euclidean distances whose gradient at zero is zero."""
    squares = (a[:, :, None] - b[:, None]).square().sum(-1)
    apart = squares > 0
    return torch.where(apart, torch.where(apart, squares, 1.0).sqrt(), 0.0)


def kernel_mean(kernel, bandwidths):
    def function(a, b):
        if kernel == "energy":
            return -distances(a, b)
        total = 0.0
        for h in bandwidths.double()[:, :, None, None].unbind(1):
            squares = (a[:, :, None] - b[:, None]).square().sum(-1)
            if kernel == "gaussian":
                total = total + torch.exp(-squares / (2 * h**2))
            elif kernel == "imq":
                total = total + (1 + squares / h**2) ** -0.5
            else:
                total = total + torch.exp(-distances(a, b) / h)
        return total / bandwidths.shape[1]

    return function


def reference(x, y, kernel, bandwidths, unbiased):
    x, y = x.double().requires_grad_(), y.double().requires_grad_()
    k = kernel_mean(kernel, bandwidths)

    def own(a):
        values, n = k(a, a), a.shape[1]
        if not unbiased:
            return values.mean((1, 2))
        return (values * (1 - torch.eye(n, dtype=values.dtype))).sum((1, 2)) / (n * (n - 1))

    value = own(x) + own(y) - 2 * k(x, y).mean((1, 2))
    grad_x, grad_y = torch.autograd.grad(value.sum(), (x, y))
    return value.detach(), grad_x, grad_y


def samples(generator, n, m, d, batch=2):
    x = torch.randn(batch, n, d, generator=generator)
    return x, 1.3 * torch.randn(batch, m, d, generator=generator) + 0.3


def run(device, x, y, kernel, bandwidths, unbiased, precision="precise"):
    x, y, bandwidths = x.to(device), y.to(device), bandwidths.to(device)
    if kernel == "energy":
        return energy_pass(x, y, unbiased, precision)
    return mmd_pass(x, y, kernel, bandwidths, unbiased, precision)


# One bandwidth at a time is in check_bandwidths.py.
CASES = [
    ("gaussian", [0.3, 1.0, 3.0]), ("laplace", [0.3, 3.0]), ("imq", [0.3, 3.0]), ("energy", [1.0]),
]  # fmt: skip


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize(("kernel", "factors"), CASES)
@pytest.mark.parametrize(("n", "m", "d"), [(63, 65, 1), (65, 40, 2), (130, 63, 5), (40, 30, 33)])
@pytest.mark.usefixtures("route")
def test_value_and_gradients(generator, device, relative_error, n, m, d, kernel, factors, unbiased):
    x, y = samples(generator, n, m, d)
    bandwidths = (torch.tensor([factors]) * (2 * d) ** 0.5).repeat(2, 1)
    expected = reference(x, y, kernel, bandwidths, unbiased)
    value, grad_x, grad_y = run(device, x, y, kernel, bandwidths, unbiased)
    assert value.dtype == torch.float32
    # The unbiased statistic subtracts the diagonal's 1/n, so its error is relative to that too.
    scale = 1.0 / min(n, m) if unbiased else 0.0
    errors = (value.cpu().double() - expected[0]).abs() / (expected[0].abs() + scale)
    assert float(errors.max()) < 1e-5
    for actual, wanted in ((grad_x, expected[1]), (grad_y, expected[2])):
        if float(wanted.norm()) < 1e-8:  # every pair's weight is below half precision's 2^-25
            assert float(actual.norm()) < 1e-7
        else:
            assert relative_error(actual, wanted) < 1e-4


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "imq", "energy"])
@pytest.mark.usefixtures("route")
def test_offset_duplicates_and_a_constant_column(generator, device, relative_error, kernel, scale):
    x, y = samples(generator, 70, 70, 4)
    x[:, 35:] = x[:, :35]
    y[:, :20] = x[:, :20]
    x[..., 3] = y[..., 3] = 2.0
    x, y = (x + 1000.0) * scale, (y + 1000.0) * scale
    bandwidths = torch.full((2, 1), 2.0 * scale)
    expected = reference(x, y, kernel, bandwidths, False)
    actual = run(device, x, y, kernel, bandwidths, False)
    assert relative_error(actual[0], expected[0]) < 1e-5
    assert relative_error(actual[1], expected[1]) < 1e-4
    assert relative_error(actual[2], expected[2]) < 1e-4


@pytest.mark.usefixtures("route")
def test_an_outlier_takes_the_direct_form(generator, device, relative_error):
    x, y = samples(generator, 300, 70, 3)
    x[0, 0] = 1e2
    expected = reference(x, y, "energy", torch.ones(2, 1), False)
    actual = run(device, x, y, "energy", torch.ones(2, 1), False)
    assert relative_error(actual[0], expected[0]) < 1e-5
    assert relative_error(actual[1], expected[1]) < 1e-4


def test_fast_mode(generator, device, relative_error, monkeypatch):
    monkeypatch.setattr(_triton_pairs, "FAST_ROWS", 0)
    x, y = samples(generator, 257, 130, 5, batch=1)
    bandwidths = torch.tensor([[3.0, 2.0]])  # one bandwidth alone is as accurate in either mode
    expected = reference(x, y, "gaussian", bandwidths, False)
    value, grad_x, _ = run(device, x, y, "gaussian", bandwidths, False, "fast")
    assert relative_error(value, expected[0]) < 1e-4
    assert 1e-6 < relative_error(grad_x, expected[1]) < 1e-3


@pytest.mark.parametrize("kernel", ["gaussian", "energy"])
@pytest.mark.usefixtures("route")
def test_identical_samples_and_single_rows(device, kernel):
    x = torch.arange(6.0, device=device).reshape(1, 2, 3)
    bandwidths = torch.full((1, 1), 2.0, device=device)
    value, grad_x, _ = run(device, x, x, kernel, bandwidths, False)
    assert float(value.abs().max()) < 1e-6
    assert torch.equal(torch.isfinite(grad_x), torch.ones_like(grad_x, dtype=torch.bool))
    value, _, _ = run(device, x[:, :1], x[:, 1:], kernel, bandwidths, False)
    assert float(value) > 0.5


@pytest.mark.usefixtures("route")
def test_two_runs_give_the_same_bits_and_empty_batches(generator, device, parallel_rows):
    n = parallel_rows(150)
    x, y = samples(generator, n, 63, 4)
    bandwidths = torch.full((2, 1), 2.0)
    first = run(device, x, y, "gaussian", bandwidths, True)
    second = run(device, x, y, "gaussian", bandwidths, True)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    value, grad_x, _ = run(device, x[:0], y[:0], "gaussian", bandwidths[:0], False)
    assert value.shape == (0,)
    assert grad_x.shape == (0, n, 4)


def test_bad_input_is_named(device):
    x = torch.zeros(1, 4, 2, device=device)
    with pytest.raises(ValueError, match=r"kernel: expected one of .*received 'cauchy'"):
        mmd_pass(x, x, "cauchy", torch.ones(1, 1, device=device), False)
    with pytest.raises(TypeError, match=r"y: .*received torch.float64"):
        energy_pass(x, x.double(), False)
