"""Network building blocks: initialised from a given generator, never from the global state."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

LEAK = 0.2


def mlp(widths: list[int], generator: torch.Generator) -> nn.Sequential:
    """Return a leaky-ReLU network with a linear last layer.

    Args:
        widths: input, hidden and output widths.
        generator: CPU generator of the initial weights (Kaiming uniform; biases like torch's).
    """
    layers: list[nn.Module] = []
    for into, out in pairwise(widths):
        layers += [linear(into, out, generator), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers[:-1])


def linear(into: int, out: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer whose weights come from the generator."""
    # without torch's own initialisation, which draws from the global state
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, into, out)
    gain = nn.init.calculate_gain("leaky_relu", LEAK)
    nn.init.uniform_(layer.weight, *_symmetric(gain * math.sqrt(3 / into)), generator=generator)
    nn.init.uniform_(layer.bias, *_symmetric(1 / math.sqrt(into)), generator=generator)
    return layer


def _symmetric(bound: float) -> tuple[float, float]:
    return -bound, bound


class Standardise(nn.Module):
    """Columns to mean 0 and standard deviation 1; constant columns to 0."""

    mean: Tensor
    scale: Tensor

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        rows64 = rows.to(torch.float64)
        deviation = rows64.std(dim=0, correction=0)
        # below the rounding of float32 about the mean, a column is constant
        constant = deviation <= 1e-6 * rows64.abs().amax(dim=0)
        self.register_buffer("mean", rows64.mean(dim=0).to(rows.dtype))
        self.register_buffer(
            "scale",
            torch.where(constant, torch.zeros_like(deviation), 1 / deviation).to(rows.dtype),
        )

    def forward(self, rows: Tensor) -> Tensor:
        """Return standardised rows (n, m)."""
        return (rows - self.mean) * self.scale

    def back(self, rows: Tensor) -> Tensor:
        """Return raw rows (n, m) of standardised ones; constant columns to their constant."""
        constant = self.scale == 0
        return self.mean + torch.where(constant, torch.zeros_like(rows), rows / self.scale)
