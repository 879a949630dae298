"""Monte Carlo truth: E[Y | do(A = a*)] with its standard error, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Truth

DRAWS = 100_000


def monte_carlo_truth(outcomes: Iterable[FloatArray]) -> Truth:
    """Return the mean of each query's draws with its standard error.

    Args:
        outcomes: for each query, E[Y | do(A = a*), V] at draws of V, (N,); the same draws for all,
            so that the error is smooth in a*.
    """
    found = [(draws.mean(), draws.std(ddof=1) / np.sqrt(len(draws))) for draws in outcomes]
    values, errors = np.array(found).T
    return Truth(values, errors, "Monte Carlo")
