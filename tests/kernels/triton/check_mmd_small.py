"""MMD^2 and the energy distance of few rows, which one program does from beginning to end.

Accuracy over kernels, columns and bandwidths is in check_mmd.py and check_bandwidths.py, where few
rows take the same way; here are the sizes at its edges, and what a batch must not change.
"""

import check_mmd
import pytest
import torch

from rep4ex_kernels.mmd import triton_impl
from rep4ex_kernels.mmd.triton_impl import FEW_COLUMNS

KERNELS = [
    ("gaussian", [1.0]), ("gaussian", [0.25, 0.5, 1.0, 2.0, 4.0]), ("gaussian", [0.3, 0.7, 2.0]),
    ("laplace", [1.0]), ("imq", [1.0]), ("energy", [1.0]),
]  # fmt: skip


@pytest.fixture(autouse=True)
def one_launch(monkeypatch):
    """Only one program may run."""

    def refuse(*_):
        raise AssertionError("four launches where one program should run")

    monkeypatch.setattr(triton_impl, "_launches", refuse)


def widths(factors, d, batch):
    return (torch.tensor([factors], dtype=torch.float64) * (2 * d) ** 0.5).repeat(batch, 1)


def check(device, relative_error, x, y, kernel, bandwidths, unbiased=False):
    expected = check_mmd.reference(x, y, kernel, bandwidths, unbiased)
    actual = check_mmd.run(device, x, y, kernel, bandwidths, unbiased)
    scale = 1.0 / min(x.shape[1], y.shape[1]) if unbiased else 0.0
    errors = (actual[0].cpu().double() - expected[0]).abs() / (expected[0].abs() + scale)
    assert float(errors.max()) < 1e-5
    assert relative_error(actual[1], expected[1]) < 1e-4
    assert relative_error(actual[2], expected[2]) < 1e-4


@pytest.mark.parametrize(("n", "m"), [(1, 2), (17, 1), (2, 17), (129, 64)])
@pytest.mark.parametrize(("kernel", "factors"), KERNELS)
def test_few_and_unequal_rows(generator, device, relative_error, kernel, factors, n, m):
    x, y = check_mmd.samples(generator, n, m, 3)
    check(device, relative_error, x, y, kernel, widths(factors, 3, 2), unbiased=min(n, m) > 1)


@pytest.mark.parametrize("kernel", ["gaussian", "energy"])
@pytest.mark.parametrize(("n", "m"), [(512, 17), (2, 512)])
def test_the_most_rows(generator, device, relative_error, kernel, n, m):
    x, y = check_mmd.samples(generator, n, m, 4, batch=1)
    check(device, relative_error, x, y, kernel, widths([1.0], 4, 1))


@pytest.mark.parametrize(("kernel", "factors"), KERNELS)
def test_an_offset(generator, device, relative_error, kernel, factors):
    x, y = check_mmd.samples(generator, 70, 40, 2)
    check(device, relative_error, x + 1000, y + 1000, kernel, widths(factors, 2, 2))


@pytest.mark.parametrize("bandwidths", [[0.1], [0.1, 0.2, 0.4]])
def test_a_narrow_bandwidth_of_many_columns(generator, device, relative_error, bandwidths):
    # Every row of x has one near neighbour in y at most: that pair makes its gradient.
    x, y = check_mmd.samples(generator, 70, 40, FEW_COLUMNS)
    y[:, :8] = x[:, :8] + 0.01 * torch.randn(2, 8, FEW_COLUMNS, generator=generator)
    check(device, relative_error, x, y, "gaussian", torch.tensor([bandwidths] * 2).double())


@pytest.mark.parametrize(("kernel", "factors"), [KERNELS[1], KERNELS[-1]])
def test_a_batch_changes_no_bit(generator, device, kernel, factors):
    x, y = check_mmd.samples(generator, 40, 70, 4, batch=3)
    bandwidths = widths(factors, 4, 3)
    together = check_mmd.run(device, x, y, kernel, bandwidths, True)
    again = check_mmd.run(device, x, y, kernel, bandwidths, True)
    alone = check_mmd.run(device, x[1:2], y[1:2], kernel, bandwidths[1:2], True)
    for whole, twice, one in zip(together, again, alone, strict=True):
        assert torch.equal(whole, twice)
        assert torch.equal(whole[1:2], one)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(("kernel", "factors"), KERNELS)
def test_what_is_no_number_shows_in_its_problem_alone(generator, device, kernel, factors, value):
    x, y = check_mmd.samples(generator, 40, 30, 3)
    y[1, 29, 2] = value
    results = check_mmd.run(device, x, y, kernel, widths(factors, 3, 2), False)
    for result in results:
        assert bool(result[0].isfinite().all())
        assert bool(result[1].isnan().any())
