"""Rendered images as features: which of their pixels are features at all.

A pixel that training units never move would be a constant column. Pixels are chosen once for a
scenario with its parameters, on a grid of the latents in units of their reach, so that the columns
are the same for every seed.
"""

from __future__ import annotations

import itertools

import numpy as np

from rep4ex_bench.data import FloatArray

# Most training units lie in this share of the reach: their standard deviation is 0.12 to 0.2 of it.
TRAINED = 0.25


def box_grid(extent: float, points: tuple[int, ...]) -> FloatArray:
    """Return a regular grid of [-extent, extent]^d, (product of points, d)."""
    axes = [np.linspace(-extent, extent, count) for count in points]
    return np.array(list(itertools.product(*axes)))


def moving_columns(images: FloatArray, least: float) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the columns of images (n, pixels) that range over more than `least`."""
    return np.flatnonzero(np.ptp(images, axis=0) > least)
