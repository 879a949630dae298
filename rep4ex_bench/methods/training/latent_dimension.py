"""How many latents there are, from the features alone: the intrinsic dimension of their manifold.

X = g0(Z) with g0 injective lies on a manifold of as many dimensions as Z has. On a manifold of
dimension d, locally uniform, the ratio mu of the distances to the second and the first neighbour
has P(mu > t) = t^-d, whatever the density.

Source: Facco, d'Errico, Rodriguez, Laio, "Estimating the intrinsic dimension of datasets by a
minimal neighborhood information", Scientific Reports 7:12140 (2017), equations 5 to 7.
`docs/latent-dimension.md` compares it with other rules.
"""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError
from rep4ex_bench.methods.training.networks import Standardise
from rep4ex_bench.numerics import to_float64

# The largest ratios come from outliers and from where the manifold is bent: a tenth is left out, as
# the source does.
_KEPT = 0.9
_MOST_ROWS = 10_000
_FEWEST_ROWS = 10


def estimate_latent_dim(features: Tensor) -> int:
    """Return d, at least 1 and at most m.

    Noise in the features fills all their dimensions, and d is then m; ten latents are counted as
    eight at n = 10000 (too few rows to be locally uniform).

    Args:
        features: raw X, (n, m). Of more than 10,000 rows, as many evenly spaced ones are used.

    Raises:
        DataError: fewer than 10 different rows.
    """
    standardised = to_float64(Standardise(features)(features))
    estimate = two_neighbour_dimension(_spread(standardised))
    return int(np.clip(round(estimate), 1, features.shape[1]))


def two_neighbour_dimension(points: FloatArray) -> float:
    """Return the estimate before it is rounded; equal points (n, m) count once.

    Raises:
        DataError: fewer than 10 different points.
    """
    distinct = np.unique(points, axis=0)
    if len(distinct) < _FEWEST_ROWS:
        raise DataError(
            f"the latent dimension needs at least {_FEWEST_ROWS} different rows of features to be "
            f"estimated, got {len(distinct)}: pass latent_dim"
        )
    distances, _ = NearestNeighbors(n_neighbors=3).fit(distinct).kneighbors(distinct)
    logs = np.sort(np.log(distances[:, 2] / distances[:, 1]))
    share = np.arange(len(logs)) / len(logs)
    kept = share < _KEPT
    # log P(mu > t) = -d log t: a line through the origin
    rarity = -np.log1p(-share[kept])
    return float(logs[kept] @ rarity / np.maximum(logs[kept] @ logs[kept], 1e-300))


def _spread(rows: FloatArray) -> FloatArray:
    """Return at most 10,000 rows, evenly spaced."""
    if len(rows) <= _MOST_ROWS:
        return rows
    places = np.linspace(0, len(rows) - 1, _MOST_ROWS).astype(np.int64)
    return rows[places]
