"""Autoencoders by name. A new one is a class in a file of its own and a line here."""

from __future__ import annotations

from rep4ex_bench.training.autoencoders.base import Autoencoder
from rep4ex_bench.training.autoencoders.mlp import MLPAutoencoder

AUTOENCODERS: dict[str, type[Autoencoder]] = {cls.name: cls for cls in (MLPAutoencoder,)}

__all__ = ["AUTOENCODERS", "Autoencoder"]
