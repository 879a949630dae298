"""Every op at bandwidths from a tenth of the median distance to ten times it, in precise mode.

What is checked is the pass itself, with no help from the op around it: value to 1e-5 and gradient
to 1e-4 of float64. A pair whose kernel value is below 2^-38 adds nothing to a gradient, as half
precision ends there; a problem with no closer pairs has a gradient of that size, which is lost.
"""

import math

import pytest
import torch
import triton
import triton.language as tl

from rep4ex_kernels import _triton_pairs
from rep4ex_kernels.hsic import reference as hsic_reference
from rep4ex_kernels.hsic.triton_impl import hsic_pass
from rep4ex_kernels.mmd import reference as mmd_reference
from rep4ex_kernels.mmd.triton_impl import mmd_pass
from rep4ex_kernels.mmr import reference as mmr_reference
from rep4ex_kernels.mmr.triton_impl import kernel_product

FACTORS = [0.1, 0.3, 1.0, 3.0, 10.0]


def median(x):
    return torch.stack([torch.pdist(problem).median() for problem in x])


def with_gradients(value, x, y):
    """A float64 value (B,) with its gradients in x and y."""
    x, y = x.double().requires_grad_(), y.double().requires_grad_()
    result = value(x, y)
    return result.detach(), *torch.autograd.grad(result.sum(), (x, y))


def worst(actual, expected, scale=0.0):
    """Largest error of a value in the batch, relative to the value plus a scale."""
    error = (actual.cpu().double() - expected).abs() / (expected.abs() + scale)
    return float(error.max())


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize(("n", "k", "d"), [(65, 1, 2), (257, 2, 1), (63, 4, 8), (129, 17, 33)])
def test_mmr(generator, device, relative_error, n, k, d, factor):
    points = torch.randn(2, n, k, generator=generator)
    points = points - points.mean(1, keepdim=True)
    basis = torch.linalg.qr(torch.cat([torch.ones(2, n, 1), points], -1).double())[0]

    def project(u):
        return u - basis @ (basis.mT @ u)

    values = project(torch.randn(2, n, d, generator=generator).double())
    bandwidth = factor * median(points)
    expected = mmr_reference.kernel_product(points, values.float(), bandwidth)
    actual = kernel_product(*[t.to(device) for t in (points, values.float(), bandwidth)])
    actual = actual.cpu().double()
    assert worst((values * actual).sum((1, 2)), (values * expected).sum((1, 2))) < 1e-5
    assert relative_error(project(actual), project(expected)) < 1e-4


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "imq"])
@pytest.mark.parametrize(("n", "m", "d"), [(63, 65, 1), (130, 63, 5), (40, 30, 33)])
def test_mmd(generator, device, relative_error, n, m, d, kernel, factor, unbiased):
    x = torch.randn(2, n, d, generator=generator)
    y = 1.3 * torch.randn(2, m, d, generator=generator) + 0.3
    widths = factor * median(torch.cat([x, y], 1))[:, None]
    expected = with_gradients(lambda a, b: mmd_reference.mmd2(a, b, kernel, widths, unbiased), x, y)
    arguments = x.to(device), y.to(device), kernel, widths.to(device), unbiased
    actual = mmd_pass(*arguments)
    # The unbiased statistic subtracts the diagonal's 1 / n.
    assert worst(actual[0], expected[0], 1 / min(n, m) if unbiased else 0.0) < 1e-5
    for found, wanted in zip(actual[1:], expected[1:], strict=True):
        assert relative_error(found, wanted) < 1e-4


@pytest.mark.parametrize("kernel", ["gaussian", "imq"])
def test_mixtures_of_wide_bandwidths(generator, device, relative_error, kernel):
    x = torch.randn(2, 65, 4, generator=generator)
    y = torch.randn(2, 63, 4, generator=generator) + 0.3
    widths = torch.tensor([[5.0, 10.0, 40.0]]) * median(torch.cat([x, y], 1))[:, None]
    expected = with_gradients(lambda a, b: mmd_reference.mmd2(a, b, kernel, widths, False), x, y)
    actual = mmd_pass(x.to(device), y.to(device), kernel, widths.to(device), False)
    assert worst(actual[0], expected[0]) < 1e-5
    assert relative_error(actual[1], expected[1]) < 1e-4


PAIRS = [(f, f) for f in FACTORS] + [(0.1, 10.0), (10.0, 0.1), (1.0, 10.0), (10.0, 1.0)]


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("factors", PAIRS)
@pytest.mark.parametrize(("n", "p", "q"), [(63, 1, 2), (130, 4, 8), (65, 16, 33)])
def test_hsic(generator, device, relative_error, n, p, q, factors, unbiased):
    x = torch.randn(2, n, p, generator=generator)
    y = torch.randn(2, n, q, generator=generator)
    y[..., 0] += torch.sin(2 * x[..., 0])
    widths = factors[0] * median(x).double(), factors[1] * median(y).double()
    expected = with_gradients(lambda a, b: hsic_reference.hsic(a, b, *widths, unbiased), x, y)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *widths)], unbiased)
    # The unbiased statistic leaves out a diagonal of about 1 / n.
    assert worst(actual[0], expected[0], 0.1 / n if unbiased else 0.0) < 1e-5
    for found, wanted in zip(actual[1:], expected[1:], strict=True):
        # Also where no pair is within five bandwidths, and all values are below 2^-38.
        assert relative_error(found, wanted) < 1e-4


def test_wide_bandwidths_of_many_features(generator, device, relative_error):
    # Above 64 features the direct form sums the series.
    x = torch.randn(1, 65, 70, generator=generator)
    y = torch.randn(1, 65, 2, generator=generator) + x[..., :2]
    widths = 10 * median(x).double(), 10 * median(y).double()
    expected = with_gradients(lambda a, b: hsic_reference.hsic(a, b, *widths, False), x, y)
    actual = hsic_pass(*[t.to(device) for t in (x, y, *widths)], False)
    assert worst(actual[0], expected[0]) < 1e-5
    assert relative_error(actual[1], expected[1]) < 1e-4
    assert relative_error(actual[2], expected[2]) < 1e-4


@triton.jit
def remainder_kernel(m_ptr, out_ptr, N: tl.constexpr):
    place = tl.arange(0, N)
    tl.store(out_ptr + place, _triton_pairs.exponential_remainder(tl.load(m_ptr + place)))


def test_the_series_is_exact_over_its_range(device):
    m = torch.linspace(1e-3, 4 * _triton_pairs.SERIES_LIMIT, 4096, device=device)
    remainder = torch.empty_like(m)
    remainder_kernel[(1,)](m, remainder, N=4096)
    s = m.double() * math.log(2)
    exact = torch.expm1(-s) + s
    # Near zero the reference itself cancels: 1e-16 over s^2 / 2.
    assert float(((remainder.double() - exact) / exact).abs().max()) < 4e-7
