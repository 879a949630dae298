"""Network building blocks: initialised from a given generator, never from the global state."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

LEAK = 0.2
# Share of its usual weight with which the network enters the encoder beside the linear code.
_BEND = 0.1


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


class Encoder(nn.Module):
    """phi(x) = L x + network(x), L given to start from.

    The network enters with a tenth of its usual weight, so the code starts near the linear one and
    is bent as far as the loss asks for.
    """

    def __init__(
        self, directions: Tensor, hidden: tuple[int, ...], generator: torch.Generator
    ) -> None:
        super().__init__()
        m, latent_dim = directions.shape
        self.linear = nn.Parameter(directions)
        self.network = mlp([m, *hidden, latent_dim], generator)
        with torch.no_grad():
            for parameter in self.network[-1].parameters():
                parameter.mul_(_BEND)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the code (n, d) of standardised features (n, m)."""
        code: Tensor = rows @ self.linear + self.network(rows)
        return code


class AutoencoderNetwork(nn.Module):
    """Autoencoder m - hidden - d - hidden - m on standardised features.

    Args:
        standardise: of the features.
        directions: linear code to start from, (m, d), on standardised features.
        hidden: widths of the hidden layers of the encoder; the decoder mirrors them.
        generator: CPU generator of the initial weights.
    """

    def __init__(
        self,
        standardise: Standardise,
        directions: Tensor,
        hidden: tuple[int, ...],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        m, latent_dim = directions.shape
        self.standardise = standardise
        self.encoder = Encoder(directions, hidden, generator)
        self.decoder = mlp([latent_dim, *reversed(hidden), m], generator)

    def encode(self, features: Tensor) -> Tensor:
        """Return the code phi(X), (n, d), of raw features (n, m)."""
        code: Tensor = self.encoder(self.standardise(features))
        return code
