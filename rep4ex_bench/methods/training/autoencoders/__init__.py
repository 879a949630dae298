"""Autoencoders by name. A new one is a class in a file of its own and a line here."""

from __future__ import annotations

from rep4ex_bench.methods.training.autoencoders.base import Autoencoder
from rep4ex_bench.methods.training.autoencoders.conditional import ConditionalAutoencoder
from rep4ex_bench.methods.training.autoencoders.convolutional import ConvolutionalAutoencoder
from rep4ex_bench.methods.training.autoencoders.invertible import InvertibleAutoencoder
from rep4ex_bench.methods.training.autoencoders.mlp import MLPAutoencoder
from rep4ex_bench.methods.training.autoencoders.random_start import RandomStartAutoencoder
from rep4ex_bench.methods.training.autoencoders.variational import VariationalAutoencoder
from rep4ex_bench.methods.training.autoencoders.wasserstein import WassersteinAutoencoder

AUTOENCODERS: dict[str, type[Autoencoder]] = {
    cls.name: cls
    for cls in (
        MLPAutoencoder,
        VariationalAutoencoder,
        WassersteinAutoencoder,
        ConvolutionalAutoencoder,
        InvertibleAutoencoder,
        ConditionalAutoencoder,
        RandomStartAutoencoder,
    )
}

__all__ = ["AUTOENCODERS", "Autoencoder"]
