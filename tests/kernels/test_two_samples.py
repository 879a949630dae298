"""`mmd2`, `energy_distance` and `hsic` against dense float64 references and other libraries."""

import importlib.util

import evidence
import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from rep4ex_kernels import (
    KernelInputError,
    SecondDerivativeError,
    energy_distance,
    hsic,
    mmd2,
)

pytestmark = pytest.mark.usefixtures("each_device")

BACKENDS = ["torch", *(["numba"] if importlib.util.find_spec("numba") else [])]
KERNELS = ["gaussian", "laplace", "imq", "energy"]
PATHS = [
    (kernel, backend)
    for kernel in KERNELS
    for backend in BACKENDS
    if backend == "torch" or kernel in ("gaussian", "energy")
]


def samples(n, m, d, seed=0):
    generator = torch.Generator(torch.get_default_device()).manual_seed(seed + n)
    x = torch.randn(n, d, generator=generator)
    return x, 1.3 * torch.randn(m, d, generator=generator) + 0.3


def pairs(n, p=2, q=3):
    x, noise = samples(n, n, max(p, q))
    return x[:, :p], torch.sin(2 * x[:, :1]) + noise[:, :q]


def median(*points):
    return float(torch.pdist(torch.cat(points).double()).median())


def errors(function, x, y, size=None):
    """Errors of the value (in units of `size`, by default itself) and of both gradients."""
    results = []
    for tensors, backend in (((x, y), None), ((x.double(), y.double()), "reference")):
        a, b = (t.clone().requires_grad_() for t in tensors)
        value = function(a, b, backend)
        value.sum().backward()
        results.append((value.detach().double(), a.grad.double(), b.grad.double()))
    (value, *gradients), (truth, *expected) = results
    size = truth.abs() if size is None else size
    compared = evidence.Compared("a loss of x and y", x=x, y=y, **evidence.bound(function))
    compared.add("value", value, truth, (value - truth).abs() / size)
    for name, found, wanted in zip("xy", gradients, expected, strict=True):
        compared.add(f"gradient_{name}", found, wanted, (found - wanted).norm() / wanted.norm())
    return compared


def accurate(found, value=1e-5, gradient=1e-4):
    found.check(value=value, gradient_x=gradient, gradient_y=gradient)


@pytest.mark.parametrize("statistic", ["v", "u"])
@pytest.mark.parametrize("shape", [(3, 4, 2), (63, 65, 2), (257, 1000, 8), (65, 63, 33)])
@pytest.mark.parametrize(("kernel", "backend"), PATHS)
def test_two_samples_sizes(kernel, shape, statistic, backend):
    x, y = samples(*shape)
    h = median(x, y)

    def function(a, b, forced):
        return mmd2(a, b, kernel, [0.5 * h, h], statistic, backend=forced or backend)

    size = mmd2(x.double(), y.double(), kernel, [0.5 * h, h], backend="reference")
    accurate(errors(function, x, y, size))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("statistic", ["biased", "unbiased"])
@pytest.mark.parametrize("shape", [(4, 1, 1), (63, 1, 2), (257, 4, 8), (1000, 2, 2)])
def test_hsic_sizes(shape, statistic, backend):
    x, y = pairs(*shape)
    h = (median(x), median(y))
    size = hsic(x.double(), y.double(), *h, backend="reference")
    accurate(errors(lambda a, b, f: hsic(a, b, *h, statistic, backend=f or backend), x, y, size))


def test_sizes_of_one():
    x, y = samples(1, 1, 2)
    assert float(energy_distance(x, y)) == pytest.approx(2 * float((x - y).norm()), rel=1e-6)
    h = float((x - y).norm())
    assert float(mmd2(x, y, bandwidths=h)) == pytest.approx(2 - 2 * np.exp(-0.5), rel=1e-6)


@pytest.mark.parametrize("factor", [0.1, 0.3, 3.0, 10.0])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("kernel", KERNELS[:3])
def test_two_samples_bandwidths_and_offsets(kernel, offset, factor):
    for d in (1, 4, 8, 32):
        x, y = (t + offset for t in samples(257, 200, d))
        h = factor * median(x, y)
        accurate(errors(lambda a, b, f, h=h: mmd2(a, b, kernel, h, backend=f), x, y))


@pytest.mark.parametrize("factor", [0.1, 0.3, 3.0, 10.0])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_hsic_bandwidths_and_offsets(offset, factor):
    for p, q in ((2, 3), (8, 8), (1, 32)):
        x, y = (t + offset for t in pairs(257, p, q))
        h = (factor * median(x), factor * median(y))
        accurate(errors(lambda a, b, f, h=h: hsic(a, b, *h, backend=f), x, y))


@pytest.mark.parametrize("scale", [1e-3, 1e3])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_scales(scale, offset):
    x, y = ((t + offset) * scale for t in samples(257, 200, 3))
    h = median(x, y)
    accurate(errors(lambda a, b, f: energy_distance(a, b, backend=f), x, y))
    accurate(errors(lambda a, b, f: mmd2(a, b, bandwidths=h, backend=f), x, y))
    x, y = x[:200], y + x[:200]
    h = (median(x), median(y))
    accurate(errors(lambda a, b, f: hsic(a, b, *h, backend=f), x, y))


@pytest.mark.parametrize(("kernel", "backend"), PATHS)
def test_duplicated_rows_and_constant_columns(kernel, backend):
    x, y = samples(129, 100, 3)
    x, y = torch.cat([x, x]), torch.cat([y, y, x[:50]])
    x, y = (torch.cat([t, torch.full_like(t[:, :1], 7.3)], 1) for t in (x, y))
    h = median(x, y)
    accurate(errors(lambda a, b, f: mmd2(a, b, kernel, h, backend=f or backend), x, y))


@pytest.mark.parametrize("statistic", ["v", "u"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_float64(kernel, statistic):
    x, y = (t.double() for t in samples(257, 200, 3))
    found = errors(lambda a, b, f: mmd2(a, b, kernel, [0.3, 2.0], statistic, backend=f), x, y)
    accurate(found, 1e-10, 1e-10)


@pytest.mark.parametrize("statistic", ["biased", "unbiased"])
def test_float64_hsic(statistic):
    x, y = (t.double() for t in pairs(257))
    accurate(errors(lambda a, b, f: hsic(a, b, 1.0, 2.0, statistic, backend=f), x, y), 1e-10, 1e-10)


@pytest.mark.parametrize("factor", [0.1, 0.3, 1.0, 3.0, 10.0])
def test_fast_mode_keeps_its_promise(factor):
    x, y = samples(1000, 900, 8)
    h = factor * median(x, y)
    for call in (
        lambda a, b, f: mmd2(a, b, bandwidths=h, precision="fast", backend=f),
        lambda a, b, f: energy_distance(a, b, precision="fast", backend=f),
        lambda a, b, f: hsic(a[:900], b, h, h, precision="fast", backend=f),
    ):
        accurate(errors(call, x, y + 0.5 * x[:900]), 1e-4, 1e-3)


def test_energy_distance_matches_scipy():
    x, y = samples(300, 257, 1)
    from scipy.stats import energy_distance as scipy_energy

    assert float(energy_distance(x, y)) == pytest.approx(
        scipy_energy(x[:, 0].double().cpu().numpy(), y[:, 0].double().cpu().numpy()) ** 2, rel=1e-5
    )
    x, y = samples(100, 90, 4)
    a, b = x.double().cpu().numpy(), y.double().cpu().numpy()
    expected = 2 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean()
    assert float(energy_distance(x, y)) == pytest.approx(expected, rel=1e-5)


def test_gaussian_mmd_has_its_closed_form():
    # N(0, 1) against N(1, 1), h = 1: E k = h / sqrt(h^2 + 2) exp(-delta^2 / (2 (h^2 + 2))).
    generator = torch.Generator(torch.get_default_device()).manual_seed(0)
    x = torch.randn(100, 400, 1, generator=generator)
    y = torch.randn(100, 400, 1, generator=generator) + 1
    values = mmd2(x, y, bandwidths=1.0, statistic="u")
    truth = 2 / 3**0.5 * (1 - np.exp(-1 / 6))
    assert abs(float(values.mean()) - truth) < 4 * float(values.std()) / 10


def test_unbiased_hsic_is_centred_at_zero_under_independence():
    generator = torch.Generator(torch.get_default_device()).manual_seed(0)
    x = torch.randn(400, 40, 1, generator=generator)
    y = torch.randn(400, 40, 1, generator=generator)
    unbiased, biased = (hsic(x, y, 1.0, 1.0, s) for s in ("unbiased", "biased"))
    error = float(unbiased.std()) / 20
    assert abs(float(unbiased.mean())) < 4 * error
    assert float(biased.mean()) > 10 * error  # the biased one is not: the comparison can fail


def test_same_sample_has_no_distance():
    x, _ = samples(257, 1, 3)
    assert abs(float(energy_distance(x, x))) < 1e-6
    assert abs(float(mmd2(x, x, bandwidths=1.0))) < 1e-6


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradcheck(kernel):
    x, y = (t.double().requires_grad_() for t in samples(6, 5, 2))
    for statistic in ("v", "u"):
        assert torch.autograd.gradcheck(lambda a, b: mmd2(a, b, kernel, 1.3, statistic), (x, y))  # noqa: B023


@pytest.mark.parametrize("statistic", ["biased", "unbiased"])
def test_gradcheck_hsic(statistic):
    x, y = (t.double().requires_grad_() for t in pairs(7))
    assert torch.autograd.gradcheck(lambda a, b: hsic(a, b, 1.0, 2.0, statistic), (x, y))


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b, **options: mmd2(a, b, bandwidths=1.0, **options),
        energy_distance,
        lambda a, b, **options: hsic(a, b, 1.0, 1.0, **options),
    ],
)
def test_second_derivative_raises_unless_the_reference_is_asked(function):
    x, y = (t.double().requires_grad_() for t in pairs(7, 2, 2))
    (first,) = torch.autograd.grad(function(x, y), x, create_graph=True)
    with pytest.raises(SecondDerivativeError, match="backend='reference'"):
        first.square().sum().backward()
    assert torch.autograd.gradgradcheck(lambda a, b: function(a, b, backend="reference"), (x, y))


def test_batches_broadcast_and_may_be_empty_or_strided():
    x, y = samples(65, 63, 3)
    stacked = torch.stack([x, 2 * x])
    for function in (mmd2, energy_distance):
        values = function(stacked, y)
        assert values.shape == (2,)
        assert torch.allclose(values[1], function(2 * x, y), rtol=1e-5)
        assert function(x.new_empty(0, 65, 3), y).shape == (0,)
        assert torch.equal(function(stacked.mT.contiguous().mT, y), values)
    widths = torch.tensor([[0.5, 1.0], [1.0, 2.0]])
    values = mmd2(stacked, y, bandwidths=widths)
    assert torch.allclose(values[1], mmd2(2 * x, y, bandwidths=[1.0, 2.0]), rtol=1e-5)
    values = hsic(stacked[:, :63], y, torch.tensor([0.5, 1.0]), 1.0)
    assert torch.allclose(values[1], hsic(2 * x[:63], y, 1.0, 1.0), rtol=1e-5)


@pytest.mark.cpu
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: mmd2(x, x[:, :1]), "y: expected 2 columns, as x, got 1 columns"),
        (lambda x: mmd2(x, x, "cauchy"), "kernel: expected one of 'gaussian'"),
        (lambda x: mmd2(x, x, bandwidths=[]), "bandwidths: expected at least one"),
        (lambda x: mmd2(x, x, bandwidths=[1.0, -1.0]), "bandwidths: expected a finite number"),
        (lambda x: mmd2(x, x, bandwidths=torch.tensor([1.0, 0.0])), "bandwidths: expected finite"),
        (lambda x: mmd2(x[:1], x, statistic="u"), r"x: expected n >= 2 rows \(statistic 'u'\)"),
        (lambda x: mmd2(x[:0], x, bandwidths=1.0), "x: expected n >= 1 rows"),
        (lambda x: energy_distance(x, x * float("nan")), "y: expected finite values"),
        (lambda x: energy_distance(x, x.to("meta")), "y: expected device cpu, as x"),
        (lambda x: energy_distance(x.int(), x), "x: expected a real floating dtype"),
        (lambda x: hsic(x, x[:5]), "y: expected n = 10 rows, as in x"),
        (lambda x: hsic(x[:3], x[:3], statistic="unbiased"), "x: expected n >= 4 rows"),
        (lambda x: hsic(x, x, bandwidth_y=0.0), "bandwidth_y: expected a finite number above 0"),
        (lambda x: hsic(x, x, statistic="v"), "statistic: expected one of 'biased'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(KernelInputError, match=message):
        call(torch.randn(10, 2))
