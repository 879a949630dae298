"""What only a GPU can show: graphs, streams, devices, memory, and sizes no interpreter reaches."""

import copy

import pytest
import torch

from rep4ex_kernels import (
    InvariancePenalty,
    RankDeficientWarning,
    energy_distance,
    hsic,
    mmd2,
    mmr_penalty,
    rank_warnings,
    residualize,
)
from rep4ex_kernels._dispatch import choose_backend
from rep4ex_kernels.mmr import reference as mmr_reference

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
DEVICE = "cuda"
OPS = {
    "residualize": lambda x, y: residualize(x, y)[0].square().mean(),
    "mmr_v": lambda x, y: mmr_penalty(x, y, 1.0).sum(),
    "mmr_u": lambda x, y: mmr_penalty(x, y, 1.0, "u").sum(),
    "mmd": lambda x, y: mmd2(x, y, bandwidths=[0.5, 1.0, 2.0]).sum(),
    "mmd_laplace": lambda x, y: mmd2(x, y, "laplace", 1.0, "u").sum(),
    "mmd_imq": lambda x, y: mmd2(x, y, "imq", 1.0).sum(),
    "energy": lambda x, y: energy_distance(x, y).sum(),
    "hsic": lambda x, y: hsic(x, y, 1.0, 1.0).sum(),
    "hsic_unbiased": lambda x, y: hsic(x, y, 1.0, "median", "unbiased").sum(),
}
every_op = pytest.mark.parametrize("op", OPS.values(), ids=OPS.keys())


def inputs(*leading, n=300, d=3, seed=0, device=DEVICE):
    """Samples x and y (*leading, n, d), y dependent on x."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(*leading, n, d, generator=generator)
    y = torch.randn(*leading, n, d, generator=generator) + torch.sin(2 * x)
    return x.to(device), y.to(device)


def step(op, x, y):
    """Value and gradient."""
    x = x.detach().requires_grad_()
    value = op(x, y)
    (gradient,) = torch.autograd.grad(value, x)
    return value.detach(), gradient


def error(value, truth):
    return float((value.double() - truth.double()).norm() / truth.double().norm())


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def capture(function):
    """A graph of the function and its outputs, after the warm-up that capturing requires."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(2):
            function()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = function()
    return graph, outputs


def test_the_triton_path_is_taken():
    for op in ("mmr", "mmd", "mmd laplace", "mmd imq", "energy", "hsic", "residualize"):
        assert choose_backend(op, "auto", torch.device("cuda"), torch.float32, 4) == "triton"


@every_op
def test_agrees_with_the_reference(op):
    import rep4ex_kernels._dispatch as dispatch

    x, y = inputs(2)
    value, gradient = step(op, x, y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(dispatch.ENVIRONMENT_VARIABLE, "reference")
        truth, expected = step(op, x.double(), y.double())
    assert error(value, truth) < 1e-5
    assert error(gradient, expected) < 1e-4


@every_op
def test_two_runs_give_the_same_bits(op):
    x, y = inputs(n=20_000)
    assert same(step(op, x, y), step(op, x, y))


@every_op
def test_a_captured_graph_replays_the_eager_bits(op):
    x, y = inputs(2)
    graph, outputs = capture(lambda: step(op, x, y))
    new_x, new_y = inputs(2, seed=1)
    x.copy_(new_x)
    y.copy_(new_y)
    graph.replay()
    assert same(outputs, step(op, new_x, new_y))


@pytest.mark.parametrize("columns", [1, 16])
def test_the_invariance_penalty_is_captured_on_both_paths(columns):
    x, y = inputs(n=600, d=columns)
    penalty = InvariancePenalty.fit(y)
    assert penalty.path == ("factorised" if columns == 1 else "dense")
    graph, outputs = capture(lambda: step(lambda a, _: penalty(a), x, y))
    new, _ = inputs(n=600, d=columns, seed=1)
    x.copy_(new)
    graph.replay()
    assert same(outputs, step(lambda a, _: penalty(a), new, y))


def told(function, *args):
    """A call and its warnings, which come with a later one."""
    result = function(*args)
    rank_warnings()
    return result


def test_dependent_columns_are_captured():
    x, y = inputs(2, d=4)
    y[0, :, 2] = y[0, :, 0] - y[0, :, 1]
    y[1, :, 3] = 2.5
    with pytest.warns(RankDeficientWarning, match=r"columns \[2, 3\]"):
        expected = told(residualize, x, y)
    with pytest.warns(RankDeficientWarning):
        graph, outputs = told(capture, lambda: residualize(x, y))
    with pytest.warns(RankDeficientWarning, match=r"columns \[2, 3\]"):  # a replay says it too
        told(graph.replay)
    assert same(outputs, expected)


def test_a_warning_comes_without_waiting_for_it():
    x, y = inputs(d=2)
    y[:, 1] = 3.0
    residualize(x, y)
    torch.cuda.synchronize()
    with pytest.warns(RankDeficientWarning, match=r"columns \[1\]"):
        residualize(x, x)


@pytest.mark.parametrize("statistic", ["v", "u"])
@pytest.mark.parametrize("n", [400, 600])  # one program a problem, and many
def test_second_derivatives_of_mmr(n, statistic):
    x, y = inputs(n=n)
    results = []
    for dtype, backend in ((torch.float32, None), (torch.float64, "reference")):
        leaf = x.to(dtype).requires_grad_()
        value = mmr_penalty(leaf, y.to(dtype), 1.0, statistic, backend=backend)
        (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
        results.append(torch.autograd.grad(gradient.square().sum(), leaf)[0])
    assert error(*results) < 1e-4


@every_op
def test_compiles_to_one_graph(op):
    torch._dynamo.reset()
    x, y = inputs(2)
    value, gradient = step(op, x, y)
    compiled, from_compiled = step(torch.compile(op, fullgraph=True), x, y)
    assert error(compiled, value) < 1e-5
    assert error(from_compiled, gradient) < 1e-4


@every_op
def test_work_stays_on_the_callers_stream(op):
    x, y = inputs(n=1000)
    expected = step(op, x, y)
    side = torch.cuda.Stream()
    late = torch.zeros_like(x)
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        torch.cuda._sleep(50_000_000)  # whatever runs on another stream sees the zeros
        late.copy_(x)
        found = step(op, late, y)
    torch.cuda.current_stream().wait_stream(side)
    assert same(found, expected)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@every_op
def test_a_device_that_is_not_the_current_one(op):
    x, y = inputs(2)
    expected = step(op, x, y)
    found = step(op, x.to("cuda:1"), y.to("cuda:1"))
    assert found[1].device == torch.device("cuda:1")
    assert torch.cuda.current_device() == 0
    assert same([t.to("cuda:0") for t in found], expected)


@every_op
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_and_half_precision_are_computed_in_float32(op, dtype):
    x, y = inputs(2)
    with torch.autocast("cuda", dtype):
        value = op(x, y)
    assert value.dtype == torch.float32
    assert torch.equal(value, op(x, y))
    half = x.to(dtype)
    assert torch.equal(op(half, y), op(half.float(), y))


@every_op
def test_a_view_that_is_not_aligned(op):
    x, y = inputs(n=301)
    shifted = [torch.cat([t.new_zeros(1), t.flatten()])[1:].view_as(t) for t in (x, y)]
    assert shifted[0].data_ptr() % 16 == 4
    assert same(step(op, *shifted), step(op, x, y))


@every_op
def test_memory_grows_linearly(op):
    peaks = []
    for n in (1000, 65_536, 131_072):  # the first loads and compiles
        x, y = inputs(n=n, d=2)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step(op, x, y)
        peaks.append(torch.cuda.max_memory_allocated() - before)
    assert peaks[2] < 2.2 * peaks[1]
    assert peaks[2] < 4096 * 131_072  # a matrix of all pairs would be 128 times that


def test_many_small_problems():
    """B = 400, n = 256: the shape of stacked training."""
    x, y = inputs(400, n=256)
    for call in (
        lambda a, b, f: mmr_penalty(a, b, 1.0, backend=f),
        lambda a, b, f: mmd2(a, b, bandwidths=1.0, backend=f),
        lambda a, b, f: energy_distance(a, b, backend=f),
        lambda a, b, f: hsic(a, b, 1.0, 1.0, backend=f),
        lambda a, b, f: residualize(a, b, backend=f)[0].square().mean((1, 2)),
    ):
        values, gradient = each(call, x, y, "triton")
        truth, expected = each(call, x.double(), y.double(), "reference")
        assert float(((values - truth) / truth).abs().max()) < 1e-5
        assert error(gradient, expected) < 1e-4


def each(call, x, y, backend):
    """Values (B,) and the gradient of their sum; references in portions, being dense."""
    values, gradients = [], []
    for a, b in zip(x.split(100), y.split(100), strict=True):
        leaf = a.detach().requires_grad_()
        value = call(leaf, b, backend)
        values.append(value.detach())
        gradients.append(torch.autograd.grad(value.sum(), leaf)[0])
    return torch.cat(values), torch.cat(gradients)


MILLION = 1_000_000


@pytest.mark.parametrize("precision", ["precise", "fast"])
@pytest.mark.parametrize("k", [1, 4])
def test_mmr_of_a_million_rows(k, precision):
    from rep4ex_kernels.mmr.triton_impl import kernel_product

    points, _ = inputs(1, n=MILLION, d=k)
    values = torch.sin(3 * points[..., :1]) + 0.1
    width = torch.ones(1, device=DEVICE)
    product = kernel_product(points, values, width, precision)
    rows = torch.arange(0, MILLION, 99_991, device=DEVICE)
    z, v = points[0].double(), values[0].double()
    kernel = torch.exp(
        -(torch.cdist(z[rows], z, compute_mode="donot_use_mm_for_euclid_dist") ** 2) / 2
    )
    assert error(product[0, rows], kernel @ v) < (1e-5 if precision == "precise" else 1e-3)


def test_two_samples_of_half_a_million_rows():
    x, y = (t.contiguous() for t in inputs(n=MILLION // 2, d=2))
    _, gradient = step(energy_distance, x, y)
    rows = torch.arange(0, len(x), 49_999, device=DEVICE)
    a, b, some = x.double(), y.double(), x[rows].double()
    expected = pull(some, b) / (len(x) * len(y)) * 2 - pull(some, a) / len(x) ** 2 * 2
    assert error(gradient[rows], expected) < 1e-4
    _, gradient = step(lambda a, b: mmd2(a, b, bandwidths=1.0), x, y)
    expected = 2 * (attraction(some, a) / len(x) ** 2 - attraction(some, b) / (len(x) * len(y)))
    assert error(gradient[rows], expected) < 1e-4


def pull(rows, others):
    """sum_j (x_i - y_j) / |x_i - y_j|, zero for coincident points."""
    total = []
    for row in rows:
        difference = row - others
        length = difference.norm(dim=1, keepdim=True)
        total.append((difference / torch.where(length > 0, length, 1.0)).sum(0))
    return torch.stack(total)


def attraction(rows, others):
    """sum_j of the gradient of exp(-|x_i - y_j|^2 / 2) in x_i."""
    total = []
    for row in rows:
        difference = row - others
        weight = torch.exp(-difference.square().sum(1, keepdim=True) / 2)
        total.append(-(difference * weight).sum(0))
    return torch.stack(total)


def test_hsic_and_least_squares_of_a_million_rows():
    x, y = inputs(n=MILLION, d=1)
    value, gradient = step(lambda a, b: hsic(a, b, 1.0, 1.0), x, y)
    some, _ = step(lambda a, b: hsic(a, b, 1.0, 1.0), x[:20_000], y[:20_000])
    assert abs(float(value / some) - 1) < 0.1  # the same population
    assert torch.isfinite(gradient).all()
    residual, _ = residualize(x, y)
    wide = torch.cat([torch.ones_like(y), y], 1).double()
    solution = torch.linalg.lstsq(wide, x.double()).solution
    assert error(residual, x.double() - wide @ solution) < 1e-5


def test_five_thousand_rows():
    x, y = inputs(n=5000, d=4)
    value, gradient = step(lambda a, b: mmr_penalty(a, b, 1.0), x, y)
    h = torch.tensor(1.0, dtype=torch.float64, device=DEVICE)
    leaf = x.double().requires_grad_()
    truth = mmr_reference.mmr_penalty(leaf, y, h, "v")
    assert error(value, truth.detach()) < 1e-5
    assert error(gradient, torch.autograd.grad(truth, leaf)[0]) < 1e-4


def test_a_training_step_is_captured_whole():
    """Encoder, penalty, backward pass and optimiser in one graph, against the eager loop."""
    x, y = inputs(n=600, d=2)
    losses = []
    for captured in (False, True):
        torch.manual_seed(0)
        encoder = torch.nn.Linear(2, 2, device=DEVICE)
        start = copy.deepcopy(encoder.state_dict())
        optimiser = torch.optim.Adam(encoder.parameters(), lr=1e-2, capturable=True)

        def train(encoder=encoder, optimiser=optimiser):
            optimiser.zero_grad(set_to_none=False)
            code = encoder(x)
            loss = mmr_penalty(code, y, 1.0) + residualize(code, y)[0].square().mean()
            loss.backward()
            optimiser.step()
            return loss.detach()

        for parameter in encoder.parameters():
            parameter.grad = torch.zeros_like(parameter)
        if captured:
            graph, loss = capture(train)
            encoder.load_state_dict(start)
            for state in optimiser.state.values():
                for value in state.values():
                    value.zero_()
            for _ in range(20):
                graph.replay()
            losses.append(float(loss))
        else:
            for _ in range(20):
                loss = train()
            losses.append(float(loss))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
