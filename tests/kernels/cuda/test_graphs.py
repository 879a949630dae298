"""`graphed` on a GPU: real captures, against the functions they were made of."""

import pytest
import torch

from rep4ex_kernels import (
    HSICLoss,
    InvariancePenalty,
    KernelInputError,
    MMDLoss,
    energy_distance,
    hsic,
    mmr_penalty,
    residualize,
)
from rep4ex_kernels.graphs import graphed

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
LOSSES = {
    "mmr": lambda x, y: mmr_penalty(x, y, 1.0),
    "mmr u": lambda x, y: mmr_penalty(x, y, 1.0, "u"),
    "mmd": MMDLoss(bandwidths=[0.5, 1.0]),
    "energy": energy_distance,
    "hsic": lambda x, y: hsic(x, y, 1.0, 1.0),
    "residualize": lambda x, y: residualize(x, y)[0].square().mean(),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


def inputs(n=300, d=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, n, d, generator=generator).cuda()
    return x.requires_grad_(), noise + torch.sin(2 * x.detach())


def step(loss, x, y):
    value = loss(x, y)
    return value.detach().clone(), torch.autograd.grad(value, x)[0]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@every_loss
@pytest.mark.parametrize("n", [64, 300, 1500])
def test_replays_give_the_bits_of_the_function(loss, n):
    replayed = graphed(loss, *inputs(n))
    for seed in (1, 2):
        x, y = inputs(n, seed=seed)
        assert same(step(replayed, x, y), step(loss, x, y))


@every_loss
def test_another_shape_is_captured_anew(loss):
    replayed = graphed(loss, *inputs())
    for n in (100, 300, 100):
        x, y = inputs(n, seed=n)
        assert same(step(replayed, x, y), step(loss, x, y))


def test_constants_and_a_fitted_penalty():
    x, actions = inputs()
    penalty = InvariancePenalty.fit(actions)
    replayed = graphed(penalty, x)
    x, _ = inputs(seed=1)
    assert same(step(lambda a, _: replayed(a), x, None), step(lambda a, _: penalty(a), x, None))


def test_a_training_loop():
    x, y = inputs(256)
    x = x.detach()
    loss = HSICLoss().fit(x, y)
    results = []
    for wrapped in (loss, None):
        torch.manual_seed(0)
        encoder = torch.nn.Linear(3, 2, device="cuda")
        optimiser = torch.optim.SGD(encoder.parameters(), lr=0.1)
        wrapped = wrapped or graphed(loss, encoder(x).detach().requires_grad_(), y)  # noqa: PLW2901
        values = []
        for _ in range(10):
            optimiser.zero_grad()
            value = wrapped(encoder(x), y)
            value.backward()
            optimiser.step()
            values.append(value.detach())
        results.append(torch.stack(values))
    assert torch.equal(*results)


def test_leaves_values_and_gradients_outlive_later_calls():
    loss = LOSSES["energy"]
    replayed = graphed(loss, *inputs())
    (x, y), (other, _) = inputs(), inputs(seed=1)
    value = replayed(x, y)
    value.backward()
    kept, gradient = value.detach().clone(), x.grad.clone()
    replayed(other, y).backward()
    assert torch.equal(value.detach(), kept)
    assert torch.equal(x.grad, gradient)
    replayed(x, y).backward()
    assert torch.allclose(x.grad, 2 * gradient)


def test_what_waits_for_the_device_is_an_error():
    def waiting(x, y):
        return energy_distance(x, y) * float(x.sum())

    with pytest.raises(KernelInputError, match="function: expected operations that a CUDA graph"):
        graphed(waiting, *inputs())
    # The device is none the worse for it.
    x, y = inputs()
    assert same(step(graphed(energy_distance, *inputs()), x, y), step(energy_distance, x, y))


def test_parameters_of_its_own_are_an_error():
    encoder = torch.nn.Linear(3, 3, device="cuda")
    with pytest.raises(KernelInputError, match="depends on no parameter"):
        graphed(lambda x, y: energy_distance(encoder(x), y), *inputs())


def test_inside_another_capture_the_function_is_called():
    replayed = graphed(energy_distance, *inputs())
    x, y = inputs()
    expected = step(energy_distance, x, y)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step(energy_distance, x, y)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = step(replayed, x, y)
    graph.replay()
    assert same(outputs, expected)
