"""Stacked training: each replica is what it is alone, whatever happens to its neighbours."""

import io

import pytest
import torch
from rich.console import Console
from torch import nn

from rep4ex_bench import get_method, get_scenario
from rep4ex_bench.methods.training.autoencoders import AUTOENCODERS
from rep4ex_bench.methods.training.early_stopping import PATIENCE, EarlyStopping
from rep4ex_bench.methods.training.invariance_loss import InvarianceLoss
from rep4ex_bench.methods.training.layers import affine
from rep4ex_bench.methods.training.linear_code import linear_code
from rep4ex_bench.methods.training.networks import LEAK, Standardise
from rep4ex_bench.methods.training.optimise import DivergenceError
from rep4ex_bench.methods.training.replica import Plan, Replica
from rep4ex_bench.methods.training.rows import Rows
from rep4ex_bench.methods.training.stack import LEARNING_RATE, train_stack
from rep4ex_bench.running.progress import StepBar
from rep4ex_bench.seeding import torch_generator

CPU = torch.device("cpu")


def replica(seed, weight=3.0, k=2, d=2, m=5, n=170):
    train = get_scenario("linear_action", k=k, d=d, m=m, n=n, outcome="bump").sample(seed).train
    start = train.actions if weight > 0 else None
    return Replica.of(train, train.actions, start, weight, seed)


def plan(name="mlp", d=2, hidden=7, steps=12):
    return Plan(name, d, hidden, steps, InvarianceLoss())


def same_bits(first, second):
    assert first.weights.keys() == second.weights.keys()
    return all(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)


@pytest.mark.parametrize("name", sorted(AUTOENCODERS))
@pytest.mark.parametrize(
    ("k", "d", "m", "n", "hidden"),
    [
        *((2, 2, 16, 170, 7), (1, 1, 16, 13, 3), (3, 3, 64, 301, 17)),
        *((4, 4, 16, 600, 8), (2, 5, 16, 170, 7), (6, 3, 16, 301, 7)),
    ],
)
def test_a_replica_has_the_same_bits_alone_and_in_any_stack(name, k, d, m, n, hidden):
    shape = {"k": k, "d": d, "m": m, "n": n}
    one = replica(0, **shape)
    others = [
        replica(s, weight, **shape) for s, weight in ((1, 0.0), (2, 30.0), (3, 0.0), (4, 1.0))
    ]
    alone = train_stack([one], plan(name, d, hidden), CPU)[0]
    for stack, place in (([one, others[0]], 0), ([*others, one], 4), ([*others[:2], one], 2)):
        assert same_bits(train_stack(stack, plan(name, d, hidden), CPU)[place], alone)
    plain = train_stack([others[0]], plan(name, d, hidden), CPU)[0]
    assert same_bits(train_stack([one, *others], plan(name, d, hidden), CPU)[1], plain)


def test_a_path_of_lambdas_on_one_data_set_has_the_same_bits_too():
    base = replica(5)
    path = [
        Replica(base.features, base.source, base.start if w else None, w, base.seed)
        for w in (0.0, 1.0, 10.0)
    ]
    together = train_stack(path, plan(), CPU)
    for one, trained in zip(path, together, strict=True):
        assert same_bits(train_stack([one], plan(), CPU)[0], trained)
    assert not same_bits(together[1], together[2])


def test_shapes_may_differ_and_come_back_in_order():
    replicas = [replica(0), replica(1, m=6), replica(2), replica(3, n=61)]
    together = train_stack(replicas, plan(), CPU)
    for one, trained in zip(replicas, together, strict=True):
        assert same_bits(train_stack([one], plan(), CPU)[0], trained)


def test_a_replica_that_diverges_does_so_alone():
    good = [replica(0), replica(1, 0.0)]
    bad = replica(2, weight=float("inf"))
    first, failed, second = train_stack([good[0], bad, good[1]], plan(steps=120), CPU)
    assert isinstance(failed, DivergenceError)
    assert "not finite" in str(failed)
    for one, trained in zip(good, (first, second), strict=True):
        assert same_bits(train_stack([one], plan(steps=120), CPU)[0], trained)


def test_without_a_penalty_the_actions_are_never_looked_at():
    one = replica(0, weight=0.0)
    blind = Replica(one.features, torch.full_like(one.source, torch.nan), None, 0.0, one.seed)
    together = train_stack([replica(1), blind], plan(), CPU)[1]
    assert same_bits(train_stack([one], plan(), CPU)[0], together)


def test_equals_a_plain_training_loop_of_torch():
    """Same first weights and batches, ordinary modules, autograd and Adam: same weights."""
    one, steps, hidden, d = replica(0, weight=0.0, m=6, n=400), 40, 9, 2
    trained = train_stack([one], plan(hidden=hidden, steps=steps), CPU)[0]
    x = Standardise(one.features)(one.features)
    weights = AUTOENCODERS["mlp"](6, d, hidden).draw(
        linear_code(x, None, d), torch_generator(one.seed, "initial weights")
    )

    def network(part):
        layers = []
        for layer in range(3):
            weight, bias = (weights[f"{part}.{layer}.{kind}"] for kind in ("weight", "bias"))
            linear = nn.Linear(weight.shape[1], weight.shape[0])
            linear.load_state_dict({"weight": weight, "bias": bias[:, 0]})
            layers += [linear, nn.LeakyReLU(LEAK)]
        return nn.Sequential(*layers[:-1])

    encoder, decoder = network("encoder"), network("decoder")
    linear = nn.Parameter(weights["linear"].clone())
    parameters = [linear, *encoder.parameters(), *decoder.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    rows = Rows(len(x), one.seed)
    for _ in range(steps):
        batch = x[rows.batch()]
        loss = (decoder(batch @ linear.T + encoder(batch)) - batch).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    assert trained.weights["linear"][0].numpy() == pytest.approx(linear.detach().numpy(), abs=2e-4)
    code = (x @ linear.T + encoder(x)).detach().numpy()
    assert trained.encode(one.features) == pytest.approx(code, abs=1e-3)


@pytest.mark.parametrize("bend", [False, True])
@pytest.mark.parametrize(("into", "out"), [(3, 5), (5, 3)])
def test_gradients_of_a_layer(bend, into, out):
    generator = torch.Generator().manual_seed(0)
    inputs = [
        torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()
        for shape in ((2, into, 7), (2, out, into), (2, out, 1))
    ]
    assert torch.autograd.gradcheck(lambda *each: affine(*each, bend=bend), inputs)


def test_held_out_rows_are_never_trained_on():
    rows = Rows(200, seed=3)
    seen = {int(row) for _ in range(40) for row in rows.batch()}
    held_out = set(rows.held_out.tolist())
    assert len(held_out) == 16
    assert seen == set(range(200)) - held_out
    assert len(Rows(159, seed=0).held_out) == 0


def test_few_rows_are_repeated_to_a_batch():
    rows = Rows(5, seed=0)
    for _ in range(3):
        assert sorted(set(rows.batch().tolist())) == list(range(5))


def test_early_stopping_keeps_the_best_and_ends_after_its_patience():
    best = EarlyStopping(judged=True)
    losses = [3.0, 1.0, 2.0, *[1.5] * PATIENCE]
    going = [best.look(loss, step, lambda s=step: {"w": s}) for step, loss in enumerate(losses)]
    assert (best.steps, best.weights) == (1, {"w": 1})
    assert going.index(False) == 1 + PATIENCE
    lost = EarlyStopping(judged=True)
    assert not lost.look(float("nan"), 7, dict)
    assert lost.diverged_at == 7


def test_a_replica_that_stops_early_leaves_the_others_as_they_were(monkeypatch):
    monkeypatch.setattr("rep4ex_bench.methods.training.stack.CHECK", 2)
    monkeypatch.setattr("rep4ex_bench.methods.training.early_stopping.PATIENCE", 1)
    monkeypatch.setattr("rep4ex_bench.methods.training.stack.LEARNING_RATE", 0.1)  # unsteady
    replicas = [replica(seed, weight) for seed, weight in ((0, 3.0), (1, 0.0), (2, 30.0))]
    together = train_stack(replicas, plan(steps=60), CPU)
    assert len({trained.steps for trained in together}) > 1
    for one, trained in zip(replicas, together, strict=True):
        assert same_bits(train_stack([one], plan(steps=60), CPU)[0], trained)


def test_a_bar_shows_the_steps_of_a_fit():
    train = get_scenario("linear_action", n=60, outcome="bump").sample(0).train
    console = Console(record=True, force_terminal=True, file=io.StringIO(), width=80)
    with StepBar(console) as bar:
        get_method("rep4ex", steps=100, hidden=4).fit(train, device="cpu", progress=bar)
        assert bar._bar.finished
    assert "100/100 steps" in console.export_text()


def test_progress_is_told_over_all_stacks():
    told = []
    replicas = [replica(0), replica(1, m=6)]
    train_stack(replicas, plan(steps=150), CPU, progress=lambda *step: told.append(step))
    assert told[-1] == (300, 300)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) >= 4
