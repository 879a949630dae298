"""Every op under opcheck, torch.compile, vmap, torch.func.grad, autocast; determinism; layouts."""

import functools

import pytest
import torch

from rep4ex_kernels import (
    EnergyDistanceLoss,
    HSICLoss,
    InvarianceLoss,
    InvariancePenalty,
    MMDLoss,
    MMRLoss,
    energy_distance,
    hsic,
    mmd2,
    mmr_penalty,
    residualize,
)

pytestmark = pytest.mark.usefixtures("each_device")

N = 33


def inputs(*leading, d=2, seed=0):
    generator = torch.Generator(torch.get_default_device()).manual_seed(seed)
    return torch.randn(*leading, N, d, generator=generator)


@functools.cache
def losses(device):
    """Every loss as a function of x, with its constants on the device (torch's default one)."""
    actions, index = inputs(seed=1), torch.arange(N)
    dense = InvariancePenalty.fit(inputs(d=8, seed=1), max_rank=1)
    factorised = InvariancePenalty.fit(inputs(d=1, seed=1))
    return {
        "residualize": lambda x: residualize(x, actions)[0].square().sum((-1, -2)),
        "mmr_v": lambda x: mmr_penalty(x, actions),
        "mmr_u": lambda x: mmr_penalty(x, actions, 1.0, "u"),
        "mmd": lambda x: mmd2(x, actions, bandwidths=[0.5, 1.0, 2.0]),
        "mmd_laplace": lambda x: mmd2(x, actions, "laplace", 1.0, "u"),
        "mmd_imq": lambda x: mmd2(x, actions, "imq", 1.0),
        "energy": lambda x: energy_distance(x, actions),
        "hsic": lambda x: hsic(x, actions, 1.0, 1.0),
        "hsic_unbiased": lambda x: hsic(x, actions, 1.0, "median", "unbiased"),
        "invariance_dense": dense,
        "invariance": factorised,
        "invariance_u": lambda x: factorised(x, statistic="u"),
        "invariance_batch": lambda x: factorised(x, index, "u"),
        "invariance_dense_batch": lambda x: dense(x, index, "u"),
    }


@pytest.fixture
def loss(name, each_device):
    return losses(each_device)[name]


every_loss = pytest.mark.parametrize("name", list(losses(torch.get_default_device())))


def gradient(loss, x):
    x = x.clone().requires_grad_()
    loss(x).sum().backward()
    return x.grad


@every_loss
def test_two_runs_give_the_same_bits(loss):
    x = inputs(2)
    assert torch.equal(loss(x), loss(x))
    assert torch.equal(gradient(loss, x), gradient(loss, x))


@every_loss
@pytest.mark.cpu
def test_torchs_default_device_does_not_matter(loss):
    x = inputs(2)
    value, expected = loss(x), gradient(loss, x)
    with torch.device("meta"):
        assert torch.equal(loss(x), value)
        assert torch.equal(gradient(loss, x), expected)


@every_loss
def test_non_contiguous_input(loss):
    x = inputs(2)
    assert torch.equal(loss(x.mT.contiguous().mT), loss(x))


@every_loss
def test_func_grad_and_vmap(loss):
    x = inputs(3)
    expected = gradient(loss, x)
    assert torch.allclose(torch.vmap(loss)(x), loss(x), rtol=1e-5, atol=1e-7)
    total = lambda z: loss(z).sum()  # noqa: E731
    assert torch.allclose(torch.func.grad(total)(x), expected, rtol=1e-5, atol=1e-7)
    each = torch.vmap(torch.func.grad(total))(x)
    assert torch.allclose(each, expected, rtol=1e-4, atol=1e-6)
    inner = torch.vmap(loss, in_dims=1)(x.movedim(0, 1).contiguous())
    assert torch.allclose(inner, loss(x), rtol=1e-5, atol=1e-7)


@every_loss
def test_compiles_to_one_graph(loss):
    torch._dynamo.reset()
    x = inputs(2)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(x), loss(x), rtol=1e-5, atol=1e-7)
    assert torch.allclose(gradient(compiled, x), gradient(loss, x), rtol=1e-5, atol=1e-7)


@every_loss
def test_autocast_and_half_precision_are_computed_in_float32(loss):
    x = inputs(2)
    with torch.autocast(x.device.type, torch.bfloat16):
        value = loss(x)
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(x))
    half = x.to(torch.bfloat16)
    assert torch.equal(loss(half), loss(half.float()))
    assert gradient(loss, half).dtype == torch.bfloat16


def op_inputs():
    x, y = inputs(2).requires_grad_(), inputs(2, seed=3).requires_grad_()
    one = torch.ones(2, dtype=torch.float64)
    ops = torch.ops.rep4ex
    return {
        "residualize": (ops.residualize, (x, y.detach(), 0.1, None, "torch")),
        "adjoint": (ops.residualize_adjoint, (x, inputs(2)[:, :3], y.detach(), 0.1, None, "auto")),
        "basis": (ops.action_basis, (y.detach(), "auto")),
        "product": (ops.kernel_product, (y.detach(), x.detach().double(), one, "precise", "auto")),
        "mmd": (ops.mmd_pass, (x, y, "gaussian", one[:, None], True, "precise", "auto")),
        "energy": (ops.energy_pass, (x, y, False, "precise", "auto")),
        "hsic": (ops.hsic_pass, (x, y, one, one, False, "precise", "auto")),
        "median": (ops.median_bandwidth, (x,)),
    }


@pytest.mark.parametrize("op_name", list(op_inputs()))
def test_opcheck(op_name):
    op, arguments = op_inputs()[op_name]
    arguments = tuple(a.detach() if isinstance(a, torch.Tensor) else a for a in arguments)
    torch.library.opcheck(op.default, arguments)


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (MMRLoss(1.0, "u"), lambda x, y: mmr_penalty(x, y, 1.0, "u")),
        (MMDLoss("imq", 1.0), lambda x, y: mmd2(x, y, "imq", 1.0)),
        (EnergyDistanceLoss("u", backend="torch"), lambda x, y: energy_distance(x, y, "u")),
        (HSICLoss(1.0, 2.0), lambda x, y: hsic(x, y, 1.0, 2.0)),
    ],
)
def test_modules_are_the_functions(module, function):
    x, y = inputs(3), inputs(3, seed=2)
    assert float(module(x, y)) == pytest.approx(float(function(x, y).mean()), rel=1e-4)


def test_invariance_module_lowers_the_penalty():
    """The use it is made for: an encoder trained until its code is linear in the actions."""
    generator = torch.Generator(torch.get_default_device()).manual_seed(0)
    actions = torch.randn(300, 1, generator=generator)
    features = torch.cat([actions + 0.3 * actions**2, actions - 0.3 * actions**2], 1)
    features = features + 0.1 * torch.randn(300, 2, generator=generator)
    loss = InvarianceLoss(actions)
    mixing = torch.nn.Parameter(torch.tensor([[1.0], [0.2]]))
    optimiser = torch.optim.Adam([mixing], lr=0.05)
    code = lambda: features @ (mixing / mixing.norm())  # noqa: E731
    before = float(loss(code()))
    for _ in range(60):
        index = torch.randint(300, (128,), generator=generator)
        optimiser.zero_grad()
        loss(code()[index], index).backward()
        optimiser.step()
    assert float(loss(code())) < 0.05 * before
    direction = (mixing / mixing.norm()).flatten().abs()
    assert torch.allclose(direction, torch.full((2,), 0.5**0.5), atol=0.1)
