"""What the host decides for the steps to come: rows, noise and learning rates, moved in one copy.

Every replica draws from its own streams on the CPU, so that training is the same on every device.
They are drawn for many steps at once and copied from pinned memory, so that nobody waits: between
two looks at the held-out rows a GPU is given its steps without a pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rep4ex_bench.methods.training.rows import Rows
from rep4ex_bench.methods.training.tables import Tables
from rep4ex_bench.methods.training.transfer import to_device


@dataclass(frozen=True)
class StepInput:
    """What one step of B replicas takes from the host.

    Attributes:
        places: rows of the stack's tables (B, b), see `Tables.places`.
        noise: standard normal (B, d, b), or None where the autoencoder needs none.
        learning_rate: a number on a CPU, a tensor () elsewhere, which a GPU reads by itself.
    """

    places: Tensor
    noise: Tensor | None
    learning_rate: float | Tensor

    def keep(self, rows: list[int]) -> StepInput:
        """Return it for these replicas only."""
        noise = None if self.noise is None else self.noise[rows]
        return StepInput(self.places[rows], noise, self.learning_rate)


def draw_ahead(
    rows: Sequence[Rows],
    tables: Tables,
    learning_rates: Sequence[float],
    noise_width: int | None,
    device: torch.device,
) -> list[StepInput]:
    """Draw the inputs of the next steps, in order, one for each learning rate.

    Args:
        rows: of each replica, on the host.
        tables: where the rows are found.
        learning_rates: of the steps.
        noise_width: d where the autoencoder needs noise.
        device: where the steps are done.
    """
    shape = len(learning_rates), len(rows)
    drawn = torch.stack([own.batch() for _ in learning_rates for own in rows])
    places = to_device(tables.places(drawn.unflatten(0, shape)), device).unbind()
    noise: Sequence[Tensor | None] = [None] * len(learning_rates)
    if noise_width is not None:
        count = drawn.shape[1]
        drawn_noise = torch.stack(
            [own.noise(noise_width, count) for _ in learning_rates for own in rows]
        )
        noise = to_device(drawn_noise.unflatten(0, shape), device).unbind()
    rates: Sequence[float | Tensor] = learning_rates
    if device.type != "cpu":
        rates = to_device(torch.tensor(learning_rates), device).unbind()
    return [StepInput(*each) for each in zip(places, noise, rates, strict=True)]
