"""`invertible`: features <-> (code, rest) by an invertible network; the rest is set to its mean 0.

    f(x) = coupling_L o ... o coupling_1 (Q x),   code = first d coordinates of f(x)
    reconstruction = f^-1(code, 0)

Q starts with the given linear code and an orthonormal basis of what it leaves, and stays fixed. A
coupling adds to one half of the coordinates a network of the other half (Dinh, Krueger and Bengio,
arXiv 1410.8516), so the inverse is exact. The loss is small where the features fill no more than d
dimensions.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from rep4ex_bench.errors import DataError
from rep4ex_bench.methods.training.autoencoders.base import Autoencoder
from rep4ex_bench.methods.training.autoencoders.mlp import BEND
from rep4ex_bench.methods.training.layers import Weights, draw_mlp, run_mlp
from rep4ex_bench.methods.training.side import Side

_COUPLINGS = 4
_LAYERS = 2


class InvertibleAutoencoder(Autoencoder):
    """Additive couplings behind a fixed linear map."""

    name: ClassVar[str] = "invertible"

    def __init__(
        self, m: int, latent_dim: int, hidden: int, k: int = 0, environments: int = 0
    ) -> None:
        """Take the widths; couplings need two features."""
        if m < 2:
            raise DataError(f"the invertible autoencoder needs at least 2 features, got {m}")
        super().__init__(m, latent_dim, hidden, k, environments)
        # every coordinate of the code is in the first half where that is large enough
        self._half = max(1, m // 2)

    def draw(self, directions: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial weights of one replica."""
        there = complete_basis(directions.to(torch.float64).T)
        weights = {
            "there": there.to(torch.float32),
            "back": torch.linalg.inv(there).to(torch.float32),
        }
        for coupling in range(_COUPLINGS):
            into, out = self._halves(coupling)
            widths = [into.stop - into.start, self.hidden, out.stop - out.start]
            weights |= draw_mlp(f"coupling{coupling}", widths, generator, last_scale=BEND)
        return weights

    def encode(self, weights: Weights, rows: Tensor, side: Side | None = None) -> Tensor:
        """Return the code (B, d, b) of rows (B, m, b)."""
        values = torch.bmm(weights["there"].detach(), rows)
        for coupling in range(_COUPLINGS):
            values = self._couple(coupling, weights, values, 1)
        return values[:, : self.latent_dim].contiguous()

    def decode(self, weights: Weights, code: Tensor, side: Side | None = None) -> Tensor:
        """Return rows (B, m, b) of a code (B, d, b)."""
        rest = code.new_zeros(code.shape[0], self.m - self.latent_dim, code.shape[2])
        values = torch.cat([code, rest], dim=1)
        for coupling in reversed(range(_COUPLINGS)):
            values = self._couple(coupling, weights, values, -1)
        return torch.bmm(weights["back"].detach(), values)

    def _halves(self, coupling: int) -> tuple[slice, slice]:
        """Return the coordinates that a coupling reads, and those that it moves."""
        first, second = slice(0, self._half), slice(self._half, self.m)
        return (second, first) if coupling % 2 else (first, second)

    def _couple(self, coupling: int, weights: Weights, values: Tensor, sign: int) -> Tensor:
        into, out = self._halves(coupling)
        read = values[:, into].contiguous()
        shift = run_mlp(f"coupling{coupling}", _LAYERS, weights, read)
        moved = values[:, out] + sign * shift
        parts = [moved, read] if out.start == 0 else [read, moved]
        return torch.cat(parts, dim=1)


def complete_basis(rows: Tensor) -> Tensor:
    """Return an invertible (m, m) matrix that starts with these rows (d, m).

    Rows that are zero or depend on others are replaced: where features do not vary there is no
    code to start from.
    """
    d, m = rows.shape
    basis, _ = torch.linalg.qr(torch.cat([rows.T, torch.eye(m, dtype=rows.dtype)], dim=1))
    kept = rows.clone()
    for place in range(d):
        others = torch.cat([kept[:place], basis.T[d:]])
        beyond = (
            rows[place] - torch.linalg.lstsq(others.T, rows[place][:, None]).solution.T @ others
        )
        if beyond.norm() < 1e-6 * (1 + rows.norm()):
            kept[place] = basis.T[place]
    return torch.cat([kept, basis.T[d:]])
