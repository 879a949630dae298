"""Training of the representation phi: reconstruction plus a weight times linear invariance."""

from __future__ import annotations

import torch

from rep4ex_bench.data import TrainingData
from rep4ex_bench.seeding import torch_generator
from rep4ex_bench.training.invariance_loss import InvarianceLoss
from rep4ex_bench.training.linear_code import linear_code
from rep4ex_bench.training.networks import AutoencoderNetwork, Standardise
from rep4ex_bench.training.optimise import batches, minimise

HIDDEN = (64, 64)
LEARNING_RATE = 2e-3
BATCH = 256


def train_autoencoder(
    train: TrainingData,
    latent_dim: int,
    penalty_weight: float,
    steps: int,
    seed: int,
    device: torch.device,
) -> AutoencoderNetwork:
    """Train an autoencoder whose code is pushed towards linear invariance.

    Args:
        train: features (n, m) and actions (n, k).
        latent_dim: d, width of the code.
        penalty_weight: lambda >= 0; 0 is a plain autoencoder and never touches the actions.
        steps: optimisation steps with batches of 256.
        seed: of the initial weights and of the batch order, one stream each.
        device: where to train.

    Raises:
        DivergenceError: the loss stopped being finite.
    """
    features, actions = train.features.to(device), train.actions.to(device)
    standardise = Standardise(train.features)
    # the plain autoencoder must not see the actions, not even for its start
    directions = linear_code(
        standardise(train.features), train.actions if penalty_weight > 0 else None, latent_dim
    )
    network = AutoencoderNetwork(
        standardise, directions, HIDDEN, torch_generator(seed, "initial weights")
    ).to(device)
    standardised = network.standardise(features)
    invariance = InvarianceLoss(actions) if penalty_weight > 0 else None

    def loss(index: torch.Tensor) -> torch.Tensor:
        target = standardised[index]
        code = network.encoder(target)
        value: torch.Tensor = (network.decoder(code) - target).square().mean()
        if invariance is not None:
            value = value + penalty_weight * invariance(code, index)
        return value

    minimise(
        network.parameters(),
        loss,
        batches(train.n, BATCH, torch_generator(seed, "batches")),
        steps=steps,
        learning_rate=LEARNING_RATE,
        device=device,
    )
    return network.requires_grad_(False)
