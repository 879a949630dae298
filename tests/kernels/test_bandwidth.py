"""`median_bandwidth` against numpy."""

import pytest
import torch

from rep4ex_kernels import KernelInputError, median_bandwidth
from rep4ex_kernels.bandwidth import reference

pytestmark = pytest.mark.usefixtures("each_device")


@pytest.mark.parametrize("n", [2, 3, 63, 64, 257, 1000])
def test_matches_the_reference(n):
    x = torch.randn(n, 3, generator=torch.Generator(torch.get_default_device()).manual_seed(n))
    for points in (x, x + 1000, x * 1e-3):
        truth = reference.median_bandwidth(points)
        assert abs(float(median_bandwidth(points)) / float(truth) - 1) < 1e-6
    assert torch.allclose(
        median_bandwidth(x.double()), reference.median_bandwidth(x.double()), rtol=1e-12
    )


def test_subsample_is_deterministic_and_close():
    x = torch.randn(5000, 1, generator=torch.Generator(torch.get_default_device()).manual_seed(0))
    first = median_bandwidth(x)
    assert torch.equal(first, median_bandwidth(x))
    assert abs(float(first) / float(reference.median_bandwidth(x)) - 1) < 0.05


def test_batches():
    x = torch.randn(2, 3, 65, 2)
    value = median_bandwidth(x)
    assert value.shape == (2, 3)
    assert torch.allclose(value[1, 2], median_bandwidth(x[1, 2]))
    assert median_bandwidth(x[:0]).shape == (0, 3)
    assert torch.allclose(torch.vmap(median_bandwidth)(x), value)


@pytest.mark.cpu
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.ones(5, 2), "more than half of the pairs of rows coincide"),
        (torch.randn(1, 2), "x: expected n >= 2 rows"),
        (torch.full((4, 1), float("nan")), "x: expected finite values"),
    ],
)
def test_bad_input_is_named(x, message):
    with pytest.raises(KernelInputError, match=message):
        median_bandwidth(x)
