"""What seeds can tell that take their training rows at random from one table.

Such seeds share rows, so their errors are correlated, and more seeds of the same table are no more
data: tests that take them as independent reject what is true, the more often the more seeds there
are. With a share s of the rows in every seed and values x_1, ..., x_J of the seeds,

    variance of the mean = (1 / J + s / (1 - s)) S^2,     S^2 the variance between seeds,

Student's t with J - 1 degrees of freedom: the corrected resampled t-test of Nadeau and Bengio
(2003), "Inference for the generalization error", Machine Learning 52, with the correlation that
holds here. Theirs, n_test / n_train, is that of a test set that is drawn anew in every split; here
the held-out rows are the same in every seed, and what varies are the training rows: s / (1 - s) is
the delete-d jackknife of Shao and Wu (1989), "A general theory for jackknife variance estimation",
Annals of Statistics 17. `docs/own-data-tests.md` has the size by simulation.

That is of two methods on the same rows, whose held-out outcomes cancel. The error of one method
varies over tables by those, too, which no split shows: it has no interval here.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from rep4ex_bench.boards.intervals import LEVEL
from rep4ex_bench.data import FloatArray


def can_decide(seeds: int, share: float) -> bool:
    """Say whether so many seeds with that share of the rows show how much results vary at all."""
    return seeds >= 2 and share < 1


def corrected_p(differences: FloatArray, share: float) -> float:
    """Return the two-sided p-value that the mean of the differences (seeds,) is 0.

    Args:
        differences: of two methods, or of two versions of one, by seed; the logarithm of a ratio.
        share: of the rows of the table that every seed trains on, in (0, 1].

    Returns:
        1 where the seeds cannot decide (`can_decide`), or where nothing differs.
    """
    mean = float(differences.mean()) if len(differences) else 0.0
    if mean == 0 or not can_decide(len(differences), share):
        return 1.0
    error = _error(differences, share)
    if error == 0:
        return 0.0
    return float(2 * stats.t.sf(abs(mean) / error, len(differences) - 1))


def smallest_mean(differences: FloatArray, share: float, level: float) -> float:
    """Return the smallest mean of differences with this scatter that has p <= level."""
    if not can_decide(len(differences), share):
        return math.inf
    quantile = float(stats.t.ppf(1 - level / 2, len(differences) - 1))
    return quantile * _error(differences, share)


def corrected_interval(
    values: FloatArray, share: float, level: float = LEVEL
) -> tuple[float, float]:
    """Return the interval of the geometric mean of a ratio of errors over tables like this one.

    Args:
        values: ratios by seed (seeds,), of two methods or of two versions of one.
        share: as of `corrected_p`.
        level: of the interval.

    Returns:
        (NaN, NaN) where the seeds cannot tell or a ratio is not a positive number.
    """
    good = len(values) > 0 and bool((np.isfinite(values) & (values > 0)).all())
    if not good or not can_decide(len(values), share):
        return (math.nan, math.nan)
    logs = np.log(values)
    reach = smallest_mean(logs, share, 1 - level)
    return float(np.exp(logs.mean() - reach)), float(np.exp(logs.mean() + reach))


def _error(values: FloatArray, share: float) -> float:
    """Return the standard error of the mean."""
    return float(values.std(ddof=1)) * math.sqrt(1 / len(values) + share / (1 - share))
