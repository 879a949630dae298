"""Noise that the scenarios share: correlations of V, and an outcome noise U that depends on V."""

from __future__ import annotations

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.seeding import numpy_generator


def random_correlation(d: int, rng: np.random.Generator) -> FloatArray:
    """Return a random correlation matrix (d, d): a normalised Wishart, 2 d degrees of freedom."""
    factor = rng.standard_normal((d, 2 * d))
    covariance = factor @ factor.T
    scale = 1.0 / np.sqrt(np.diag(covariance))
    return np.asarray(covariance * np.outer(scale, scale))


def confounded_noise(
    latent_noise: FloatArray,
    covariance: FloatArray,
    confounding: float,
    noise: float,
    root: int,
    own_seed: int | None = None,
) -> FloatArray:
    """Return U = c gamma' V / sd(gamma' V) + noise eps, shape (n,), of mean 0.

    Args:
        latent_noise: V, (n, d), of mean 0.
        covariance: of V, (d, d), the population's.
        confounding: c, standard deviation of the part of U that V explains (outcome units).
        noise: standard deviation of the rest (outcome units).
        root: seed of the task; the direction gamma and eps have a stream each.
        own_seed: of eps, for other units than those of training; None for these.
    """
    gamma = numpy_generator(root, "confounding").standard_normal(len(covariance))
    gamma /= np.sqrt(gamma @ covariance @ gamma)
    seed = root if own_seed is None else own_seed
    own = numpy_generator(seed, "outcome noise").standard_normal(len(latent_noise))
    return np.asarray(confounding * (latent_noise @ gamma) + noise * own)
