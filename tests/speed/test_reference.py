"""The tiled float64 reference against the kernels' dense one and torch's autograd."""

import pytest
import torch

from rep4ex_bench.speed.inputs import make_constants, make_inputs
from rep4ex_bench.speed.ops import _penalty, _reference
from rep4ex_bench.speed.reference import reference
from rep4ex_bench.speed.smooth_reference import smooth_kernel_product
from rep4ex_bench.speed.workload import FORWARD, make_workload
from rep4ex_kernels.energy.reference import energy_distance
from rep4ex_kernels.hsic.reference import hsic
from rep4ex_kernels.mmd.reference import mmd2
from rep4ex_kernels.mmr.reference import gaussian_kernel, mmr_penalty
from rep4ex_kernels.residualize.reference import residualize

WORKLOADS = [
    make_workload("residualize", 37, 3, 4),
    make_workload("mmr_penalty", 37, 3, 4),
    make_workload("invariance_penalty", 37, 2, 4),
    make_workload("mmd2", 37, d=5),
    make_workload("mmd2", 37, d=5, bandwidths=(0.7, 3.0)),
    make_workload("energy_distance", 37, d=5),
    make_workload("hsic", 37, 3, 4),
]


def dense(workload, constants, *inputs):
    h = torch.tensor(workload.bandwidths, dtype=torch.float64)
    if workload.op == "residualize":
        return residualize(*inputs[:2])[0]
    if workload.op in ("mmr_penalty", "invariance_penalty"):
        return mmr_penalty(*inputs, *constants, h[0])
    if workload.op == "mmd2":
        return mmd2(*inputs, "gaussian", h, False)
    if workload.op == "energy_distance":
        return energy_distance(*inputs, False)
    return hsic(*inputs, h[0], h[1], False)


def by_autograd(workload, constants, inputs):
    leaves = list(inputs)
    for position in workload.spec.differentiable:
        leaves[position] = inputs[position].double().requires_grad_()
    value = dense(workload, constants, *leaves)
    scalar = (value * inputs[2]).sum() if workload.op == "residualize" else value
    used = [leaves[p] for p in workload.spec.differentiable]
    return (value.detach(), *torch.autograd.grad(scalar, used))


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.label)
def test_it_is_the_formula_and_its_gradient(workload, monkeypatch):
    monkeypatch.setattr(_reference, "_TILE", 37 * 5)  # eight tiles of rows, the last one short
    constants = make_constants(workload, 0)
    inputs = make_inputs(workload, constants, 0, 1)
    found = reference(workload, constants, inputs)
    expected = by_autograd(workload, constants, inputs)
    assert len(found) == len(expected) == 1 + len(workload.spec.differentiable)
    for mine, right in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-10, atol=1e-12 * float(right.abs().max()))


def test_batches_are_problems_of_their_own():
    workload = make_workload("hsic", 20, 2, 3, batch=3)
    inputs = make_inputs(workload, (), 0, 1)
    value, gradient, _ = reference(workload, (), inputs)
    one = make_workload("hsic", 20, 2, 3)
    for b in range(3):
        alone = reference(one, (), tuple(tensor[b] for tensor in inputs))
        torch.testing.assert_close(value[b], alone[0])
        torch.testing.assert_close(gradient[b], alone[1])


def test_forward_has_the_value_alone():
    workload = make_workload("mmd2", 20, direction=FORWARD)
    assert len(reference(workload, (), make_inputs(workload, (), 0, 1))) == 1


@pytest.mark.parametrize("k", [1, 2])
def test_the_smooth_product_is_the_dense_one(k):
    generator = torch.Generator().manual_seed(k)
    points = torch.randn(400, k, generator=generator, dtype=torch.float64)
    values = torch.randn(400, 3, generator=generator, dtype=torch.float64)
    dense_product = gaussian_kernel(points, torch.tensor(0.9, dtype=torch.float64)) @ values
    smooth = smooth_kernel_product(points, values, 0.9)
    assert float((smooth - dense_product).norm() / dense_product.norm()) < 1e-11


def test_the_penalty_of_many_rows_takes_the_smooth_product(monkeypatch):
    workload = make_workload("invariance_penalty", 300, 1, 2)
    constants = make_constants(workload, 0)
    inputs = make_inputs(workload, constants, 0, 1)
    expected = reference(workload, constants, inputs)
    monkeypatch.setattr(_penalty, "SMOOTH_ROWS", 300)
    monkeypatch.setattr(_penalty, "tiles", None)  # nobody makes tiles then
    for mine, right in zip(reference(workload, constants, inputs), expected, strict=True):
        assert float((mine - right).norm() / right.norm()) < 1e-10


def test_too_narrow_a_kernel_is_refused():
    points = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    with pytest.raises(ValueError, match="nodes reach"):
        smooth_kernel_product(points, points, 1e-4)
