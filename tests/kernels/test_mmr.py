"""`mmr_penalty` against the dense float64 reference and against independent computations."""

import evidence
import numpy as np
import pytest
import torch

from rep4ex_kernels import KernelInputError, mmr_penalty, rank_warnings
from rep4ex_kernels.mmr import reference, torch_impl

pytestmark = pytest.mark.usefixtures("each_device")


def problem(n, k=2, d=3, seed=0):
    generator = torch.Generator(torch.get_default_device()).manual_seed(1000 * seed + n)
    actions = torch.randn(n, k, generator=generator)
    curve = torch.sin(2 * actions.sum(1, keepdim=True))
    return curve + torch.randn(n, d, generator=generator), actions


def distance(x, y):
    return float((x.double() - y.double()).norm() / y.double().norm())


def both(phi, a, h, statistic, **options):
    """Errors of value and gradient; the value's in units of the V statistic, which bounds U's."""
    x, y = phi.clone().requires_grad_(), phi.double().requires_grad_()
    inputs = {"representation": phi, "actions": a, "bandwidth": h, "statistic": statistic}
    compared = evidence.Compared("mmr_penalty", **inputs, **options)
    value = mmr_penalty(x, a, h, statistic, **options)
    h = torch.as_tensor(h, dtype=torch.float64)
    truth = reference.mmr_penalty(y, a, h, statistic)
    value.sum().backward()
    truth.sum().backward()
    size = reference.mmr_penalty(phi, a, h, "v")
    compared.add("value", value, truth, (value.double() - truth).abs().max() / size.max())
    return compared.add("gradient", x.grad, y.grad, distance(x.grad, y.grad))


def median(a):
    return float(torch.pdist(a.double()).median())


@pytest.mark.parametrize("n", [4, 63, 65, 257, 1000])
@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (4, 8), (16, 3)])
@pytest.mark.parametrize("statistic", ["v", "u"])
def test_float32_sizes(n, shape, statistic):
    n = max(n, shape[0] + 2)
    phi, a = problem(n, *shape)
    both(phi, a, median(a), statistic).check(value=1e-5, gradient=1e-4)


@pytest.mark.parametrize("factor", [0.1, 0.3, 3.0, 10.0])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("statistic", ["v", "u"])
def test_float32_bandwidths_and_offsets(factor, offset, statistic):
    for k in (1, 4):
        phi, a = problem(257, k)
        both(phi, a + offset, factor * median(a), statistic).check(value=1e-5, gradient=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_float32_scales_and_offset_of_the_representation(scale):
    phi, a = problem(257, 2)
    for changed in (phi * scale, (phi + 1000) * scale):
        both(changed, a * scale, scale * median(a), "v").check(value=1e-5, gradient=1e-4)


def test_float32_at_5000_rows():
    phi, a = problem(5000, 4, 8)
    both(phi, a, median(a[:1000]), "v").check(value=1e-5, gradient=1e-4)


@pytest.mark.parametrize("statistic", ["v", "u"])
@pytest.mark.parametrize("factor", [0.1, 1.0])
def test_float64(statistic, factor):
    phi, a = problem(257, 3)
    both(phi.double(), a.double(), factor * median(a), statistic).check(value=1e-10, gradient=1e-10)


def told(phi, actions):
    """The penalty and its warnings, which on a GPU come with a later call."""
    value = mmr_penalty(phi, actions, 1.0)
    rank_warnings()
    return value


def test_duplicated_rows_and_constant_columns():
    phi, a = problem(129, 2)
    assert max(both(torch.cat([phi, phi]), torch.cat([a, a]), median(a), "v")) < 1e-5
    wide = torch.cat([a, torch.full((129, 1), 3.0)], 1)
    with pytest.warns(UserWarning, match=r"columns \[2\]"):
        value = told(phi, wide)
    assert distance(value, mmr_penalty(phi, a, 1.0)) < 1e-6


def test_linear_representation_has_no_penalty():
    _, a = problem(257, 2)
    phi = a.double() @ torch.randn(2, 3, dtype=torch.float64) + 5
    assert float(mmr_penalty(phi, a.double())) < 1e-25


def test_u_is_centred_at_zero_under_the_null():
    rng = np.random.default_rng(0)
    a = torch.tensor(rng.normal(size=(60, 1)))
    phi = torch.tensor(rng.normal(size=(400, 60, 1))) + 3 * a + 10
    u = mmr_penalty(phi, a, 1.0, "u")
    v = mmr_penalty(phi, a, 1.0, "v")
    compared = evidence.Compared("mmr_penalty of 400 problems", representation=phi, actions=a)
    for name, found in (("u", u), ("v", v)):
        truth = reference.mmr_penalty(phi, a, torch.tensor(1.0, dtype=torch.float64), name)
        compared.add(name, found, truth, (found - truth).abs().max() / v.abs().max())
    compared.check(u=1e-10, v=1e-10)
    error = float(u.std()) / 20
    assert abs(float(u.mean())) < 4 * error
    assert float(v.mean()) > 10 * error  # the V statistic is not: the comparison can fail


def test_fast_mode_keeps_its_promise():
    phi, a = problem(1000, 4, 8)
    for factor in (0.3, 1.0, 3.0):
        both(phi, a, factor * median(a), "v", precision="fast").check(value=1e-4, gradient=1e-3)


@pytest.mark.parametrize("statistic", ["v", "u"])
def test_derivatives(statistic):
    phi, a = problem(7, 2, 2)
    phi, a = phi.double().requires_grad_(), a.double()
    assert torch.autograd.gradcheck(lambda x: mmr_penalty(x, a, 1.3, statistic), phi)
    assert torch.autograd.gradgradcheck(lambda x: mmr_penalty(x, a, 1.3, statistic), phi)


def test_hessian_is_twice_the_projected_kernel():
    phi, a = problem(7, 2, 1)
    a = a.double()
    hessian = torch.autograd.functional.hessian(lambda x: mmr_penalty(x, a, 1.3), phi.double())
    P = reference.projection(a)
    K = reference.gaussian_kernel(a, torch.tensor(1.3))
    found, expected = hessian.reshape(7, 7), 2 * P @ K @ P / 49
    error = ((found - expected).abs() / (1e-14 + 1e-5 * expected.abs())).max()
    compared = evidence.Compared("Hessian of mmr_penalty", representation=phi, actions=a)
    compared.add("entries", found, expected, error).check(entries=1)


@pytest.mark.parametrize("d", [1, 2])
def test_operands_of_tile_products_have_a_leading_dimension(d):
    # A row of length n with the strides (1, 1) is contiguous to torch and refused by cuBLASLt.
    from torch.utils._python_dispatch import TorchDispatchMode

    operands = []

    class Noting(TorchDispatchMode):
        def __torch_dispatch__(self, op, types, args=(), kwargs=None):
            if op is torch.ops.aten.addmm_.default:
                operands.extend(args[:3])
            return op(*args, **(kwargs or {}))

    phi, a = problem(600, 2, d)
    with Noting():  # of this thread; outside an op there are no others
        torch_impl.kernel_product(a.double()[None], phi.double()[None], torch.ones(1))
    assert len(operands) >= 9
    for matrix in operands:
        across, along = matrix.shape if matrix.stride(1) == 1 else matrix.shape[::-1]
        leading = max(matrix.stride()) if across > 1 else matrix.stride(0)
        assert leading >= along


def test_batches_and_bandwidths_of_their_own():
    phi, a = problem(65, 2)
    stacked, actions = torch.stack([phi, phi + a[:, :1] ** 2]), torch.stack([a, 2 * a])
    value = mmr_penalty(stacked, actions, torch.tensor([0.7, 2.0]))
    assert value.shape == (2,)
    assert distance(value[1], mmr_penalty(stacked[1], actions[1], 2.0)) < 1e-6
    assert mmr_penalty(stacked[:, None], actions[None]).shape == (2, 2)
    assert mmr_penalty(phi.new_empty(0, 65, 3), a).shape == (0,)
    strided = stacked.mT.contiguous().mT
    assert torch.equal(mmr_penalty(strided, actions, 1.0), mmr_penalty(stacked, actions, 1.0))


@pytest.mark.cpu
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bandwidth": 0.0}, "bandwidth: expected a finite number above 0, got 0.0"),
        ({"bandwidth": float("nan")}, "bandwidth: expected a finite number above 0"),
        ({"bandwidth": torch.tensor(-1.0)}, "bandwidth: expected finite values above 0, got -1.0"),
        ({"bandwidth": torch.ones(3)}, "bandwidth: expected a shape that broadcasts"),
        ({"bandwidth": "mean"}, "bandwidth: expected 'median'"),
        ({"statistic": "w"}, "statistic: expected one of 'v', 'u', got 'w'"),
        ({"precision": "high"}, "precision: expected one of"),
        ({"actions": torch.zeros(10, 2)}, "more than half of the pairs of rows coincide"),
        ({"actions": torch.full((10, 2), float("inf"))}, "infinite"),
        ({"representation": torch.full((10, 2), float("nan")), "bandwidth": 1.0}, "representation"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"representation": torch.randn(10, 2), "actions": torch.randn(10, 2)} | change
    with pytest.raises(KernelInputError, match=message):
        mmr_penalty(**arguments)
