"""`InvariancePenalty` against the dense reference, its certified bound, and its mini-batches."""

import itertools

import pytest
import torch

from rep4ex_kernels import BackendError, InvariancePenalty, KernelInputError, mmr_penalty
from rep4ex_kernels.mmr import reference

pytestmark = pytest.mark.usefixtures("each_device")


def problem(n, k=1, d=2, seed=0):
    generator = torch.Generator(torch.get_default_device()).manual_seed(seed)
    actions = torch.randn(n, k, generator=generator)
    return torch.sin(actions[:, :1]) + torch.randn(n, d, generator=generator), actions


def exact(phi, fitted, actions, statistic):
    h = torch.tensor(fitted.bandwidth, dtype=torch.float64)
    return reference.mmr_penalty(phi, actions, h, statistic)


@pytest.mark.parametrize("statistic", ["v", "u"])
@pytest.mark.parametrize(("k", "path"), [(1, "factorised"), (2, "factorised"), (16, "dense")])
def test_value_and_gradient(statistic, k, path):
    phi, a = problem(600, k)
    fitted = InvariancePenalty.fit(a)
    assert fitted.path == path
    x, y = phi.clone().requires_grad_(), phi.double().requires_grad_()
    value, truth = fitted(x, statistic=statistic), exact(y, fitted, a, statistic)
    value.backward()
    truth.backward()
    assert abs(float(value) - float(truth)) < 3e-5 * float(exact(phi, fitted, a, "v"))
    assert (x.grad - y.grad).norm() < 1e-4 * y.grad.norm()


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize(("n", "d", "leading"), [(64, 1, ()), (257, 2, (2, 3)), (1000, 17, ())])
def test_paths_of_the_factorised_penalty(backend, n, d, leading):
    generator = torch.Generator(torch.get_default_device()).manual_seed(n)
    a = torch.randn(n, 1, generator=generator) + 1000
    phi = torch.randn(*leading, n, d, generator=generator) + 100 + torch.sin(3 * a)
    fitted = InvariancePenalty.fit(a)
    assert fitted.path == "factorised"
    x, y = phi.clone().requires_grad_(), phi.double().requires_grad_()
    value, truth = fitted(x, backend=backend), exact(y, fitted, a - 1000, "v")
    assert value.shape == leading
    factors = torch.randn(leading, generator=generator)
    (value * factors).sum().backward()
    (truth * factors).sum().backward()
    assert ((value - truth).abs() < 3e-5 * truth).all()
    assert (x.grad - y.grad).norm() < 1e-4 * y.grad.norm()
    with torch.no_grad():
        assert torch.equal(fitted(x, backend=backend), value)


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_second_derivative_of_the_factorised_penalty(backend):
    phi, a = problem(100)
    fitted = InvariancePenalty.fit(a)
    direction = torch.randn_like(phi)
    x = phi.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(fitted(x, backend=backend), x, create_graph=True)
    (product,) = torch.autograd.grad((gradient * direction).sum(), x)
    # A quadratic form: its Hessian is 2 F F' / n^2 wherever it is taken.
    F = fitted.features.double()
    expected = 2 * F @ (F.T @ direction.double()) / 100**2
    assert (product - expected).norm() < 1e-4 * expected.norm()


def test_forced_backends_of_the_penalty_are_never_replaced():
    phi, a = problem(100)
    fitted = InvariancePenalty.fit(a)
    assert torch.allclose(fitted(phi, backend="reference"), fitted(phi), rtol=1e-4)
    with pytest.raises(BackendError, match="'triton' cannot run invariance_penalty"):
        fitted(phi, backend="triton")
    with pytest.raises(BackendError, match="float32"):
        fitted(phi.double(), backend="numba")
    with pytest.raises(BackendError, match="mini-batches"):
        fitted(phi[:9], torch.arange(9), backend="numba")
    with pytest.raises(BackendError, match=r"torch\.func"):
        torch.func.grad(lambda x: fitted(x, backend="numba"))(phi)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-8])
def test_bound_is_certified_and_follows_the_tolerance(tolerance):
    phi, a = problem(300, 2)
    phi, a = phi.double(), a.double()
    fitted = InvariancePenalty.fit(a, tolerance=tolerance, max_rank=300)
    K = reference.gaussian_kernel(a, torch.tensor(fitted.bandwidth))
    P = reference.projection(a)
    left = P @ K @ P - fitted.features @ fitted.features.T
    trace = float(left.trace()) / 300
    assert trace <= fitted.error_bound * (1 + 1e-6) + 1e-14
    assert fitted.error_bound <= tolerance
    assert trace <= tolerance * float((P @ K @ P).trace()) / 300
    # The worst representation there is: the first eigenvector of what is left out.
    worst = torch.linalg.eigh(left).eigenvectors[:, -1:]
    r = P @ worst
    gap = abs(float(fitted(worst)) - float(exact(worst, fitted, a, "v")))
    assert gap <= fitted.error_bound * float(r.square().sum(1).mean()) + 1e-15


def test_rank_grows_as_the_bandwidth_shrinks():
    _, a = problem(400, 1)
    ranks = [InvariancePenalty.fit(a, bandwidth=h, max_rank=400).rank for h in (3.0, 1.0, 0.3, 0.1)]
    assert ranks == sorted(ranks)
    assert ranks[0] < ranks[-1]


def test_features_are_residualised():
    _, a = problem(400, 2)
    features = InvariancePenalty.fit(a.double() + 100).features
    X = torch.cat([torch.ones(400, 1), a], 1).double()
    assert (X.T @ features).abs().max() < 1e-9


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_large_means_cost_no_digits(offset):
    phi, a = problem(600, 1)
    fitted = InvariancePenalty.fit(a + offset, bandwidth=1.0)
    value = float(fitted(phi + offset))
    truth = float(exact(phi + offset, fitted, a + offset, "v"))
    assert abs(value / truth - 1) < 3e-5


@pytest.mark.parametrize("k", [1, 16])
def test_batch_u_averages_to_the_whole(k):
    phi, a = problem(20, k, seed=3)
    phi, a = phi.double(), a.double()
    fitted = InvariancePenalty.fit(a, bandwidth=1.0, tolerance=1e-12, max_rank=20 if k == 1 else 1)
    assert fitted.path == ("factorised" if k == 1 else "dense")
    phi = reference.projection(a) @ phi
    pairs = torch.tensor(list(itertools.combinations(range(20), 2)))
    values = fitted(phi[pairs], pairs, statistic="u")
    assert values.shape == (190,)
    assert float(values.mean()) == pytest.approx(float(mmr_penalty(phi, a, 1.0, "u")), rel=1e-8)


@pytest.mark.parametrize("k", [1, 16])
@pytest.mark.parametrize("statistic", ["v", "u"])
def test_batch_of_all_rows_is_the_whole(k, statistic):
    phi, a = problem(100, k)
    fitted = InvariancePenalty.fit(a)
    residual = reference.projection(a.double()).float() @ phi
    whole = fitted(residual, statistic=statistic)
    batch = fitted(residual, torch.arange(100), statistic)
    assert abs(float(batch - whole)) < 1e-5 * float(fitted(residual))


@pytest.mark.parametrize("k", [1, 16])
def test_replicas_share_the_actions(k):
    phi, a = problem(100, k)
    fitted = InvariancePenalty.fit(a)
    stacked = torch.stack([phi, 2 * phi, phi.flip(0)])
    values = fitted(stacked)
    assert values.shape == (3,)
    assert torch.allclose(values, torch.stack([fitted(x) for x in stacked]), rtol=1e-4)
    index = torch.stack([torch.arange(10), torch.arange(50, 60), torch.arange(90, 100)])
    own = fitted(stacked[:, :10], index)
    each = torch.stack([fitted(x[:10], i) for x, i in zip(stacked, index, strict=True)])
    assert torch.allclose(own, each, rtol=1e-4)
    shared = fitted(stacked[:, :10], index[0])
    assert shared.shape == (3,)


@pytest.mark.parametrize("k", [1, 16])
def test_derivatives(k):
    phi, a = problem(20, k, 1)
    phi, a = phi.double()[:20].requires_grad_(), a.double()
    fitted = InvariancePenalty.fit(a, bandwidth=2.0)
    for call in (fitted, lambda x: fitted(x, torch.arange(20), "u")):
        assert torch.autograd.gradcheck(call, phi)
        assert torch.autograd.gradgradcheck(call, phi)


@pytest.mark.cpu
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(torch.randn(9, 2)), "representation: expected n = 30 rows"),
        (lambda f: f(torch.randn(9, 2), torch.arange(8)), "index: expected shape"),
        (lambda f: f(torch.randn(3, 2), torch.tensor([0, 1, 30])), "index: expected rows"),
        (lambda f: f(torch.randn(3, 2), torch.tensor([0, 1, -1])), "index: expected rows"),
        (lambda f: f(torch.randn(3, 2), torch.randn(3)), "index: expected an int32"),
        (lambda f: f(torch.randn(30, 2), statistic="x"), "statistic: expected"),
        (lambda f: f(torch.randn(30, 2, device="meta")), "representation: expected device"),
        (lambda f: f.fit(torch.randn(4, 30, 1)), r"actions: expected shape \(n, k\)"),
        (lambda f: f.fit(torch.randn(3, 2)), "actions: expected n >= 4 rows"),
        (lambda f: f.fit(torch.randn(30, 1), tolerance=0.0), "tolerance: expected a finite"),
        (lambda f: f.fit(torch.randn(30, 1), max_rank=0), "max_rank: expected"),
        (lambda f: f.fit(torch.randn(30, 1), bandwidth=-1.0), "bandwidth: expected"),
        (lambda f: f.fit(torch.full((30, 1), float("nan"))), "actions: expected finite values"),
    ],
)
def test_bad_input_is_named(call, message):
    fitted = InvariancePenalty.fit(torch.randn(30, 1))
    with pytest.raises(KernelInputError, match=message):
        call(fitted)
