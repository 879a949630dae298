"""Every autoencoder: shapes, gradients, learning, and what each promises of its own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rep4ex_bench import get_method, get_scenario
from rep4ex_bench.accuracy import affine_r2
from rep4ex_bench.errors import DataError, ParameterError
from rep4ex_bench.methods.training.autoencoders import AUTOENCODERS
from rep4ex_bench.methods.training.autoencoders.invertible import complete_basis
from rep4ex_bench.methods.training.invariance_loss import InvarianceLoss
from rep4ex_bench.methods.training.latent_loss import LatentLoss
from rep4ex_bench.methods.training.linear_code import linear_code
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.methods.training.replica import Plan, Replica
from rep4ex_bench.methods.training.side import Side
from rep4ex_bench.methods.training.stack import train_stack
from rep4ex_bench.seeding import torch_generator
from rep4ex_kernels import energy_distance

CPU = torch.device("cpu")
EVERY = pytest.mark.parametrize("name", sorted(AUTOENCODERS))


def stacked(name, replicas=3, m=16, d=2, hidden=8):
    """An autoencoder, weights of a few replicas and rows for them."""
    autoencoder = AUTOENCODERS[name](m, d, hidden, 2, 3)
    rng = np.random.default_rng(0)
    drawn = []
    for seed in range(replicas):
        directions = torch.tensor(rng.normal(size=(m, d)), dtype=torch.float32)
        drawn.append(autoencoder.draw(directions, torch_generator(seed)))
    weights = {key: torch.stack([one[key] for one in drawn]) for key in drawn[0]}
    rows = torch.tensor(rng.normal(size=(replicas, m, 32)), dtype=torch.float32)
    noise = torch.tensor(rng.normal(size=(replicas, d, 32)), dtype=torch.float32)
    return autoencoder, weights, rows, noise if autoencoder.noisy else None


def side_of(autoencoder, replicas=3):
    """Actions and environments of the rows, where the autoencoder is shown them."""
    rng = np.random.default_rng(1)
    actions = torch.tensor(rng.normal(size=(replicas, 2, 32)), dtype=torch.float32)
    environment = torch.tensor(rng.integers(0, 3, (replicas, 32)))
    return Side(actions, environment) if autoencoder.conditional else None


@EVERY
def test_shapes_and_one_finite_loss_per_replica(name):
    autoencoder, weights, rows, noise = stacked(name)
    side = side_of(autoencoder)
    code = autoencoder.encode(weights, rows, side)
    assert code.shape == (3, 2, 32)
    assert autoencoder.decode(weights, code, side).shape == rows.shape
    losses, penalised = autoencoder.objective(weights, rows, noise, side)
    assert losses.shape == (3,)
    assert torch.isfinite(losses).all()
    assert torch.equal(penalised, code)


@EVERY
def test_a_loss_depends_on_its_own_replica_only(name):
    autoencoder, weights, rows, noise = stacked(name)
    for value in weights.values():
        value.requires_grad_()
    losses, _ = autoencoder.objective(weights, rows, noise, side_of(autoencoder))
    gradients = torch.autograd.grad(losses[1], list(weights.values()), allow_unused=True)
    used = [gradient for gradient in gradients if gradient is not None]
    assert any(gradient[1].abs().sum() > 0 for gradient in used)
    for gradient in used:
        assert gradient[0].abs().max() == 0
        assert gradient[2].abs().max() == 0


@EVERY
def test_training_reconstructs_better_than_the_linear_start(name):
    if name == "convolutional":
        scenario = get_scenario("photo_crop", n=300)
    else:
        scenario = get_scenario("linear_action", n=600, m=9, layers=1, outcome="bump")
    train = scenario.sample(0).train
    plan = Plan(name, 2, 16, 200 if name == "convolutional" else 400, InvarianceLoss())
    one = Replica.of(train, train.actions, train.actions, 0.3, 0)
    (trained,) = train_stack([one], plan, CPU)
    x = trained.standardise(train.features).double()
    code = x @ linear_code(x, train.actions, 2)
    left = x - code @ torch.linalg.lstsq(code, x).solution
    linear = float(left.square().mean())
    assert trained.reconstruction_error(train.features, train.actions) < 0.8 * linear


@EVERY
def test_the_method_takes_it_by_name_and_says_so_where_it_does_not(name):
    task = get_scenario("photo_crop", n=150).sample(0)
    fitted = get_method("rep4ex", autoencoder=name, steps=10, hidden=8).fit(
        task.train, device="cpu"
    )
    prediction = fitted.predict_do(torch.from_numpy(task.queries.actions).float())
    assert np.isfinite(prediction).all()
    with pytest.raises(ParameterError, match="must be one of 'mlp'"):
        get_method("rep4ex", autoencoder=f"{name}s")


def test_a_conditional_code_is_a_function_of_features_and_actions():
    train = get_scenario("linear_action", n=300, m=5, outcome="bump").sample(0).train
    train = replace(train, environment=torch.arange(300) % 3)
    fitted = get_method("rep4ex", autoencoder="conditional", steps=40).fit(train, device="cpu")
    code = fitted.represent(train.features, train.actions)
    assert not np.allclose(code, fitted.represent(train.features, train.actions.flip(0)))
    with pytest.raises(DataError, match="features and actions, got features alone"):
        fitted.represent(train.features)
    assert fitted.decode(torch.from_numpy(code)) is None  # it would need the actions too


def test_an_objective_is_shown_the_rows_own_actions_and_environment(monkeypatch):
    shown = []

    class Looking(AUTOENCODERS["conditional"]):
        def objective(self, weights, rows, noise, side=None):
            shown.append((rows, side))
            return super().objective(weights, rows, noise, side)

    train = get_scenario("linear_action", n=170, m=5, outcome="bump").sample(0).train
    train = replace(train, environment=torch.arange(170) % 4)
    monkeypatch.setitem(AUTOENCODERS, "conditional", Looking)
    one = Replica.of(train, train.actions, None, 1.0, 0)
    train_stack([one], Plan("conditional", 2, 4, 3, InvarianceLoss()), CPU)
    features = Standardise(train.features)(train.features)
    place = {tuple(row): i for i, row in enumerate(features.tolist())}
    standardised = Standardise(train.actions)(train.actions)
    for rows, side in shown:
        index = [place[tuple(row)] for row in rows[0].T.tolist()]
        assert torch.equal(side.actions[0].T, standardised[index])
        assert torch.equal(side.environment[0], train.environment[index])
    assert len(shown) == 4  # three steps and a look at the held-out rows


def test_a_code_is_decoded_in_the_units_of_the_features():
    train = get_scenario("linear_action", n=600, m=5, layers=1, outcome="bump").sample(0).train
    train = replace(train, features=1000 + 50 * train.features)
    fitted = get_method("autoencoder", steps=400).fit(train, device="cpu")
    back = fitted.decode(torch.from_numpy(fitted.represent(train.features)))
    error = (torch.from_numpy(back) - train.features).square().mean()
    assert error < 0.1 * train.features.var(dim=0).mean()
    assert get_method("pca").fit(train, device="cpu").decode(torch.zeros(3, 2)) is None


def test_features_that_an_autoencoder_cannot_take_are_the_fault_of_that_cell_alone():
    tasks = [get_scenario("linear_action", m=m, n=60, outcome="bump").sample(0) for m in (16, 10)]
    method = get_method("rep4ex", autoencoder="convolutional", steps=3)
    fitted, error = method.fit_many([task.train for task in tasks], [0, 1], "cpu")
    assert fitted.represent(tasks[0].train.features).shape == (60, 2)
    assert isinstance(error, DataError)
    assert "square images" in str(error)
    with pytest.raises(DataError, match="got 10 columns"):
        method.fit(tasks[1].train, device="cpu")


def test_the_invertible_network_is_inverted_exactly():
    autoencoder, weights, rows, _ = stacked("invertible", m=6, d=6)
    back = autoencoder.decode(weights, autoencoder.encode(weights, rows))
    assert back.numpy() == pytest.approx(rows.numpy(), abs=1e-4)


def test_a_basis_is_completed_around_dead_and_repeated_directions():
    rows = torch.zeros(3, 5, dtype=torch.float64)
    rows[0, 1], rows[2] = 2.0, torch.tensor([0.0, 4.0, 0, 0, 0])
    basis = complete_basis(rows)
    assert basis.shape == (5, 5)
    assert torch.equal(basis[0], rows[0])
    assert torch.linalg.cond(basis) < 50


def test_the_variational_objective_is_the_closed_form_divergence():
    autoencoder, weights, rows, noise = stacked("variational", replicas=1)
    losses, mean = autoencoder.objective(weights, rows, noise)
    from rep4ex_bench.methods.training.autoencoders.variational import _FIRST_LOG_VARIANCE
    from rep4ex_bench.methods.training.layers import run_mlp

    deviation = torch.exp((_FIRST_LOG_VARIANCE + run_mlp("spread", 2, weights, rows)) / 2)
    posterior = torch.distributions.Normal(mean, deviation)
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    divergence = torch.distributions.kl_divergence(posterior, prior).sum(1).mean()
    reconstruction = (autoencoder.decode(weights, mean + deviation * noise) - rows).square().mean()
    assert float(losses[0]) == pytest.approx(
        float(reconstruction + 0.02 / 16 * divergence), rel=1e-5
    )


def test_the_wasserstein_objective_pulls_the_code_towards_a_standard_normal():
    # uniform actions of large effect: the latents are far from normal
    task = get_scenario("linear_action", n=600, alpha=6.0, outcome="bump").sample(0)
    normal = np.random.default_rng(0).normal(size=(2000, 2))

    def distance(name):
        replica = Replica(task.train.features, task.train.actions, None, 0.0, 0)
        (trained,) = train_stack([replica], Plan(name, 2, 32, 400, InvarianceLoss()), CPU)
        code = torch.tensor(trained.encode(task.train.features))
        return float(energy_distance(code, torch.tensor(normal), statistic="u"))

    assert distance("wasserstein") < 0.5 * distance("mlp")


def test_an_oracle_penalty_identifies_better_and_needs_the_oracle():
    task = get_scenario("linear_action", n=800, layers=2, outcome="bump").sample(1)
    fresh = task.oracle.draw(1000, 0)
    features = torch.from_numpy(fresh.features)
    oracle = get_method("rep4ex_oracle_penalty", steps=600, hidden=16)
    fitted = oracle.fit_with_oracle(task.train, task.oracle, 0, "cpu")
    plain = get_method("autoencoder", steps=600, hidden=16).fit(task.train, 0, "cpu")
    r2 = affine_r2(fitted.represent(features), fresh.latents)
    assert r2 > affine_r2(plain.represent(features), fresh.latents)
    assert r2 > 0.97
    assert oracle.role == "oracle"


def test_the_oracle_loss_is_one_minus_affine_r2_of_whitened_latents():
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(64, 2)) @ np.array([[2.0, 0.3], [0.0, 0.5]])
    code = latents @ rng.normal(size=(2, 3)) + 0.5 * rng.normal(size=(64, 3))
    table = LatentLoss().table(torch.tensor(latents))
    loss = LatentLoss()(torch.tensor(code.T)[None], table[None])
    assert float(loss[0]) == pytest.approx(1 - affine_r2(code, table.numpy()), abs=1e-3)
