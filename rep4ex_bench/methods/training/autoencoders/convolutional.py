"""`convolutional`: for features that are square grey images, row by row.

Two convolutions of width 3 and stride 2 and a linear map to the code, beside the linear code; back,
a linear map and two convolutions, each after doubling the resolution. A convolution is a batched
product with the image's patches, which keeps replicas apart bit by bit; a grouped convolution does
not promise that.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from rep4ex_bench.errors import DataError
from rep4ex_bench.methods.training.autoencoders.base import Autoencoder
from rep4ex_bench.methods.training.autoencoders.mlp import BEND
from rep4ex_bench.methods.training.layers import Weights, affine, draw_affine
from rep4ex_bench.methods.training.side import Side

_WIDTH = 3
_CHANNELS = (4, 8)


class ConvolutionalAutoencoder(Autoencoder):
    """phi(x) = L x + network(x) with a convolutional network; `hidden` is not used by it."""

    name: ClassVar[str] = "convolutional"

    def __init__(
        self, m: int, latent_dim: int, hidden: int, k: int = 0, environments: int = 0
    ) -> None:
        """Take the widths; features must be a square image with sides divisible by 4."""
        self._side = math.isqrt(m)
        if self._side**2 != m or self._side % 4:
            raise DataError(
                "the convolutional autoencoder takes square images with sides divisible by 4 as "
                f"features (16, 64, 144, 256, ... columns), got {m} columns"
            )
        super().__init__(m, latent_dim, hidden, k, environments)
        self._flat = _CHANNELS[1] * (self._side // 4) ** 2

    def draw(self, directions: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the initial weights of one replica."""
        patch = _WIDTH**2
        first, second = _CHANNELS
        return {
            "linear": directions.T.contiguous(),
            **draw_affine("down0", patch, first, generator),
            **draw_affine("down1", patch * first, second, generator),
            **draw_affine("code", self._flat, self.latent_dim, generator, BEND),
            **draw_affine("uncode", self.latent_dim, self._flat, generator),
            **draw_affine("up0", patch * second, first, generator),
            **draw_affine("up1", patch * first, 1, generator),
        }

    def encode(self, weights: Weights, rows: Tensor, side: Side | None = None) -> Tensor:
        """Return the code (B, d, b) of rows (B, m, b)."""
        images = rows.mT.unflatten(2, (1, self._side, self._side))
        images = _convolve("down0", weights, images, stride=2, bend=True)
        images = _convolve("down1", weights, images, stride=2, bend=True)
        flat = images.flatten(2).mT.contiguous()
        code = affine(flat, weights["code.weight"], weights["code.bias"])
        return torch.bmm(weights["linear"], rows) + code

    def decode(self, weights: Weights, code: Tensor, side: Side | None = None) -> Tensor:
        """Return rows (B, m, b) of a code (B, d, b)."""
        flat = affine(code, weights["uncode.weight"], weights["uncode.bias"], bend=True)
        small = self._side // 4
        images = flat.mT.unflatten(2, (_CHANNELS[1], small, small))
        images = _convolve("up0", weights, _doubled(images), stride=1, bend=True)
        images = _convolve("up1", weights, _doubled(images), stride=1, bend=False)
        rows: Tensor = images.flatten(2).mT.contiguous()
        return rows


def _convolve(name: str, weights: Weights, images: Tensor, stride: int, bend: bool) -> Tensor:
    """Return images (B, b, c', h', w') of images (B, b, c, h, w), with zeros beyond the edge."""
    replicas, count, _, height, width = images.shape
    patches = functional.unfold(images.flatten(0, 1), _WIDTH, padding=1, stride=stride)
    columns = patches.unflatten(0, (replicas, count)).transpose(1, 2).flatten(2)
    out = affine(
        columns.contiguous(), weights[f"{name}.weight"], weights[f"{name}.bias"], bend=bend
    )
    shape = (count, height // stride, width // stride)
    convolved: Tensor = out.unflatten(2, shape).transpose(1, 2)
    return convolved


def _doubled(images: Tensor) -> Tensor:
    """Return images (B, b, c, 2 h, 2 w): every pixel four times."""
    doubled: Tensor = images.repeat_interleave(2, dim=3).repeat_interleave(2, dim=4)
    return doubled
