"""Network building blocks: initialised from a given generator, never from the global state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor, nn

from rep4ex_bench.saving.savable import Savable

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


def mlp_with(weights: Mapping[str, Tensor]) -> nn.Sequential:
    """Return the network of `mlp` that has these weights, its `state_dict`.

    Raises:
        RuntimeError: they are of no such network.
    """
    matrices = [value for name, value in weights.items() if name.endswith(".weight")]
    widths = [matrices[0].shape[1], *(len(matrix) for matrix in matrices)]
    network = mlp(widths, torch.Generator())
    network.load_state_dict(dict(weights))
    return network.requires_grad_(False)


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


class Standardise(Savable, nn.Module):
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

    def state(self) -> dict[str, Any]:
        """Return mean and scale."""
        return {"mean": self.mean, "scale": self.scale}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the map with that mean and scale."""
        found = cls(state["mean"][None])
        found.load_state_dict(dict(state))
        return found

    def forward(self, rows: Tensor) -> Tensor:
        """Return standardised rows (n, m)."""
        return (rows - self.mean) * self.scale

    def back(self, rows: Tensor) -> Tensor:
        """Return raw rows (n, m) of standardised ones; constant columns to their constant."""
        constant = self.scale == 0
        return self.mean + torch.where(constant, torch.zeros_like(rows), rows / self.scale)
