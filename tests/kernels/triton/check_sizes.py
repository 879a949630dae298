"""Thousands of rows, many columns of weights, many small problems, and the largest row number."""

import pytest
import torch

from rep4ex_kernels import _triton_pairs
from rep4ex_kernels._triton_table import BLOCK
from rep4ex_kernels.hsic import reference as hsic_reference
from rep4ex_kernels.hsic.triton_impl import hsic_pass
from rep4ex_kernels.mmd import reference as mmd_reference
from rep4ex_kernels.mmd.triton_impl import mmd_pass
from rep4ex_kernels.mmr import reference as mmr_reference
from rep4ex_kernels.mmr.triton_impl import kernel_product
from rep4ex_kernels.residualize import reference as least_squares_reference
from rep4ex_kernels.residualize.triton_impl import residualize_pass


def many_programs(*values):
    """A case that the interpreter, which runs one program after the other, takes a minute for."""
    return pytest.param(*values, marks=pytest.mark.many_programs)


@pytest.mark.parametrize(
    ("batch", "n", "k", "d"),
    [
        (1, 1000, 4, 8),
        many_programs(1, 2200, 2, 3),
        (1, 257, 4, 128),
        (1, 65, 64, 128),
        many_programs(40, 24, 3, 2),
        (9, 24, 3, 2),
    ],
)
def test_mmr(generator, device, relative_error, batch, n, k, d):
    points = torch.randn(batch, n, k, generator=generator)
    values = torch.randn(batch, n, d, generator=generator)
    bandwidth = 0.5 + torch.rand(batch, generator=generator)
    actual = kernel_product(points.to(device), values.to(device), bandwidth.to(device))
    assert relative_error(actual, mmr_reference.kernel_product(points, values, bandwidth)) < 1e-5


@pytest.mark.parametrize(
    ("batch", "n", "m", "d"),
    [
        many_programs(1, 1200, 1300, 2),
        (1, 700, 65, 3),
        many_programs(1, 65, 63, 64),
        (1, 63, 40, 128),
        many_programs(20, 17, 24, 3),
        (7, 17, 24, 3),
    ],
)
def test_mmd(generator, device, relative_error, batch, n, m, d):
    x = torch.randn(batch, n, d, generator=generator)
    y = torch.randn(batch, m, d, generator=generator) + 0.3
    widths = d**0.5 * (0.5 + torch.rand(batch, 1, generator=generator))
    a, b = x.double().requires_grad_(), y.double().requires_grad_()
    expected = mmd_reference.mmd2(a, b, "gaussian", widths, False)
    gradients = torch.autograd.grad(expected.sum(), (a, b))
    actual = mmd_pass(x.to(device), y.to(device), "gaussian", widths.to(device), False)
    assert relative_error(actual[0], expected.detach()) < 1e-5
    assert relative_error(actual[1], gradients[0]) < 1e-4
    assert relative_error(actual[2], gradients[1]) < 1e-4


@pytest.mark.parametrize(("batch", "n"), [many_programs(1, 700), (1, 200), (5, 24)])
def test_hsic(generator, device, relative_error, batch, n):
    x = torch.randn(batch, n, 2, generator=generator)
    y = torch.randn(batch, n, 2, generator=generator) + torch.sin(2 * x)
    widths = [0.5 + torch.rand(batch, generator=generator).double() for _ in range(2)]
    a, b = x.double().requires_grad_(), y.double().requires_grad_()
    expected = hsic_reference.hsic(a, b, *widths, False)
    gradients = torch.autograd.grad(expected.sum(), (a, b))
    actual = hsic_pass(*[t.to(device) for t in (x, y, *widths)], False)
    assert relative_error(actual[0], expected.detach()) < 1e-5
    assert relative_error(actual[1], gradients[0]) < 1e-4
    assert relative_error(actual[2], gradients[1]) < 1e-4


@pytest.mark.parametrize(
    ("batch", "n", "k", "d"),
    [
        (1, 1000, 2, 3),
        (1, 5000, 1, 1),
        many_programs(1, 130, 64, 128),
        many_programs(60, 8, 2, 2),
        (7, 8, 2, 2),
    ],
)
def test_least_squares(generator, device, relative_error, batch, n, k, d):
    actions = torch.randn(batch, n, k, generator=generator)
    phi = torch.randn(batch, n, d, generator=generator) + actions[..., :1]
    residual, _ = residualize_pass(phi.to(device), actions.to(device), 0.0, None)
    assert relative_error(residual, least_squares_reference.residualize(phi, actions)[0]) < 1e-5


def test_offsets_inside_a_problem_fit_in_32_bits():
    widest = _triton_pairs.split_width(_triton_pairs.MAX_SPLIT_FEATURES)  # weights have 64 at most
    assert _triton_pairs.MAX_ROWS >= 1_000_000
    assert _triton_pairs.MAX_ROWS * widest < 2**31
    assert (_triton_pairs.MAX_ROWS + BLOCK) * widest >= 2**31


def test_more_rows_than_offsets_reach_are_refused():
    # One row seen many times: nothing is allocated before the error.
    many = torch.zeros(1, 1, 1).expand(1, _triton_pairs.MAX_ROWS + 1, 1)
    with pytest.raises(ValueError, match=r"rows: .* at most \d+ .*received"):
        mmd_pass(many, many[:, :1], "gaussian", torch.ones(1, 1), False)
