"""How far an action lies outside the training actions: the gauge of their convex hull."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError

_DECIMALS = 3  # of the solver's answer, so that the boundary itself is at exactly 1


def distances_from_support(actions: FloatArray, support: FloatArray) -> FloatArray:
    """Return the distance of each action (q, k) from the hull of `support` (n, k), shape (q,).

    0 at the centre c (the mean of the distinct rows of the support), 1 on the boundary of the
    hull, 3 at three times its extent: the least t with c + (a - c) / t in the hull, by linear
    programming. To three decimals.

    Raises:
        DataError: the support does not vary in a direction that an action lies in.
    """
    distinct = np.unique(support, axis=0)
    centre = distinct.mean(axis=0)
    scale = np.where(np.ptp(distinct, axis=0) > 0, np.ptp(distinct, axis=0), 1.0)
    corners = ((distinct - centre) / scale).T
    found = np.empty(len(actions))
    for row, offset in enumerate((actions - centre) / scale):
        answer = linprog(np.ones(corners.shape[1]), A_eq=corners, b_eq=offset, method="highs")
        if answer.status != 0:
            raise DataError(
                f"the actions that are kept do not vary towards the held-out action "
                f"{actions[row].tolist()}: nothing can be learned in that direction; keep rows "
                "that vary in it, or drop the action column"
            )
        found[row] = answer.fun
    return np.asarray(found.round(_DECIMALS))
