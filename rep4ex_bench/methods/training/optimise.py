"""Optimisation of one network: Adam, cosine decay, fixed steps, seeded batches."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from rep4ex_bench.errors import Rep4ExBenchError
from rep4ex_bench.methods.training.transfer import to_device

# Steps between two looks at the loss, for which rows are drawn at once.
CHECK = 100


class DivergenceError(Rep4ExBenchError, ArithmeticError):
    """The training loss stopped being finite."""


def batches(n: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield row indices for ever: each pass is a fresh permutation, cut into full batches.

    The last, incomplete batch of a pass is dropped: its other size would change the noise.
    """
    size = min(size, n)
    while True:
        order = torch.randperm(n, generator=generator)
        yield from order[: n - n % size].split(size)


def minimise(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[Tensor], Tensor],
    index: Iterator[Tensor],
    *,
    steps: int,
    learning_rate: float,
    device: torch.device,
) -> float:
    """Minimise the mean of loss(batch index); return the last loss.

    Raises:
        DivergenceError: the loss is not finite (checked every 100 steps and at the end).
    """
    # one kernel for all weights; on a CPU it would round otherwise than it did
    fused = device.type != "cpu"
    optimiser = torch.optim.Adam(parameters, lr=learning_rate, fused=fused, foreach=not fused)
    value = torch.zeros(())
    drawn: Iterator[Tensor] = iter(())
    for step in range(steps):
        if step % CHECK == 0:
            ahead = itertools.islice(index, min(CHECK, steps - step))
            drawn = iter(to_device(torch.stack(list(ahead)), device).unbind())
        optimiser.param_groups[0]["lr"] = (
            learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        )
        optimiser.zero_grad(set_to_none=True)
        value = loss(next(drawn))
        value.backward()
        optimiser.step()
        if (step % CHECK == 0 or step == steps - 1) and not math.isfinite(value.item()):
            raise DivergenceError(
                f"the training loss is {value.item()} at step {step} of {steps}: lower "
                "learning_rate or penalty_weight, or look for outliers in the features"
            )
    return value.item()
