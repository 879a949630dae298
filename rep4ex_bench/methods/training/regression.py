"""Least-squares training of networks that predict the outcome."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from rep4ex_bench.methods.training.optimise import batches, minimise
from rep4ex_bench.seeding import torch_generator

LEARNING_RATE = 2e-3
BATCH = 256


def train_regression(
    modules: list[nn.Module],
    predict: Callable[[Tensor], Tensor],
    outcome: Tensor,
    steps: int,
    seed: int,
) -> None:
    """Minimise the mean squared error of predict(index) against outcome (n,), in place.

    Raises:
        DivergenceError: the loss stopped being finite.
    """
    minimise(
        [parameter for module in modules for parameter in module.parameters()],
        lambda index: (predict(index) - outcome[index]).square().mean(),
        batches(len(outcome), BATCH, torch_generator(seed, "batches")),
        steps=steps,
        learning_rate=LEARNING_RATE,
        device=outcome.device,
    )
    for module in modules:
        module.requires_grad_(False)
