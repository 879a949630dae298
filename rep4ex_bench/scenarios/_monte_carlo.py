"""Monte Carlo truth: E[l(M0 a* + V)] with its standard error, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rep4ex_bench.data import FloatArray
from rep4ex_bench.scenario import Truth

DRAWS = 100_000


def monte_carlo_truth(
    outcome_function: Callable[[FloatArray], FloatArray],
    means: FloatArray,
    noise: FloatArray,
) -> Truth:
    """Return the mean of l(mean + noise) over the draws, at each query.

    Args:
        outcome_function: l, (n, d) -> (n,).
        means: M0 a*, (q, d).
        noise: draws of V, (N, d); the same for every query, so that the error is smooth in a*.
    """
    values, errors = np.empty(len(means)), np.empty(len(means))
    for index, mean in enumerate(means):
        outcome = outcome_function(mean + noise)
        values[index] = outcome.mean()
        errors[index] = outcome.std(ddof=1) / np.sqrt(len(noise))
    return Truth(values, errors, "Monte Carlo")
