"""`median_bandwidth` against numpy."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from rep4ex_kernels import KernelInputError, median_bandwidth
from rep4ex_kernels.bandwidth import op, reference

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


@pytest.mark.parametrize("n", [2, 3, 4, 5, 40, 41])
@pytest.mark.parametrize("medians", [op._medians, op._medians_of_squares])
def test_both_forms_are_the_middle_of_all_pairs(medians, n):
    generator = torch.Generator(torch.get_default_device()).manual_seed(n)
    x = torch.randn(3, n, 2, generator=generator, dtype=torch.float64)
    repeated = x.round()  # distances with many equal ones among them
    repeated[:, 0] += 9
    for points in (x, repeated):
        expected = torch.stack([reference.median_bandwidth(problem) for problem in points])
        assert torch.allclose(medians(points), expected, rtol=1e-15)


class Counting(TorchDispatchMode):
    """Operations that are run, and those among them that wait for a device."""

    def __init__(self):
        super().__init__()
        self.operations, self.waits = 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.operations += 1
        self.waits += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


def test_on_a_gpu_a_batch_takes_the_operations_of_one_problem():
    counts = []
    for batch in (1, 50):
        with Counting() as counting:
            op._medians_of_squares(torch.randn(batch, 24, 3, dtype=torch.float64))
        assert counting.waits == 0
        counts.append(counting.operations)
    assert counts[0] == counts[1] < 15


def test_memory_is_bounded(monkeypatch):
    sizes = []
    plain = op._medians_of_squares

    def noted(points):
        sizes.append(points.shape[0] * points.shape[1] ** 2)
        return plain(points)

    monkeypatch.setattr(op, "MAX_ROWS", 60)
    for form in ("_medians", "_medians_of_squares"):
        monkeypatch.setattr(op, form, noted)
    x = torch.randn(7, 30, 2)
    together = median_bandwidth(x)
    assert torch.equal(together, torch.stack([median_bandwidth(one) for one in x]))
    assert sizes[:2] == [4 * 30**2, 3 * 30**2]  # four problems fit, then three
    median_bandwidth(torch.randn(1000, 2))
    assert max(sizes) <= 60**2


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
