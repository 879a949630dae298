"""E[Y | do(A = a)] at observed actions: since A is exogenous, it is E[Y | A = a], a mean of rows.

Rows of equal actions are a group. Where actions hardly repeat, rows of near actions are (k-means),
the group stands at its mean action, and what the outcome bends within a group is a bias of its
truth that no standard error shows: it is estimated by a quadratic surface through all rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import PolynomialFeatures

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError

_FEWEST_ROWS = 5  # median rows of a group of equal actions, below which near ones are joined
_ROWS_OF_A_GROUP = 30
_MOST_GROUPS = 200


@dataclass(frozen=True)
class ObservedTruth:
    """Means of the outcome at g actions.

    Attributes:
        actions: shape (g, k).
        means: shape (g,), outcome units.
        standard_errors: shape (g,), of the means.
        rows: shape (g,), how many each is the mean of.
        exact: whether all rows of a group have equal actions.
        biases: shape (g,), estimates of what the means are off by since actions differ within a
            group; 0 where they do not.
    """

    actions: FloatArray
    means: FloatArray
    standard_errors: FloatArray
    rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    exact: bool
    biases: FloatArray


def observed_truth(actions: FloatArray, outcome: FloatArray) -> ObservedTruth:
    """Return the truth at the actions (n, k) of rows with outcome (n,).

    Raises:
        DataError: fewer than 4 rows.
    """
    if len(actions) < 4:
        raise DataError(f"at least 4 rows are needed to have a truth, got {len(actions)}")
    distinct, group = np.unique(actions, axis=0, return_inverse=True)
    group = group.reshape(-1)
    exact = bool(np.median(np.bincount(group)) >= _FEWEST_ROWS)
    if exact and len(distinct) > _MOST_GROUPS:
        exact = False
    if not exact and len(distinct) > 1:
        wanted = int(np.clip(len(actions) // _ROWS_OF_A_GROUP, 2, _MOST_GROUPS))
        scale = np.where(actions.std(axis=0) > 0, actions.std(axis=0), 1.0)
        clusters = KMeans(min(wanted, len(distinct)), n_init=3, random_state=0)
        group = clusters.fit_predict(actions / scale)
        group = np.unique(group, return_inverse=True)[1]
    rows = np.bincount(group)
    means = np.bincount(group, outcome) / rows
    squares = np.bincount(group, (outcome - means[group]) ** 2)
    pooled = squares.sum() / max(len(outcome) - len(rows), 1)
    variance = np.where(rows > 1, squares / np.maximum(rows - 1, 1), pooled)
    places = np.column_stack([np.bincount(group, column) / rows for column in actions.T])
    biases = _biases(actions, outcome, group, places)
    return ObservedTruth(places, means, np.sqrt(variance / rows), rows, exact, biases)


def _biases(
    actions: FloatArray,
    outcome: FloatArray,
    group: np.ndarray[tuple[int], np.dtype[np.int64]],
    places: FloatArray,
) -> FloatArray:
    """Return the mean of a fitted quadratic over each group less its value at the mean action."""
    scale = np.where(actions.std(axis=0) > 0, actions.std(axis=0), 1.0)
    centre = actions.mean(axis=0)

    def basis(at: FloatArray) -> FloatArray:
        return np.asarray(PolynomialFeatures(2).fit_transform((at - centre) / scale))

    surface = np.linalg.lstsq(basis(actions), outcome, rcond=None)[0]
    inside = np.bincount(group, basis(actions) @ surface) / np.bincount(group)
    return np.asarray(inside - basis(places) @ surface)
