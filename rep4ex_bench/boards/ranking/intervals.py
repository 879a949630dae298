"""Bootstrap intervals of the median over seeds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from rep4ex_bench.seeding import numpy_generator

LEVEL = 0.95
_RESAMPLES = 1_999

Floats = npt.NDArray[np.float64]


def median_intervals(values: Floats) -> tuple[Floats, Floats]:
    """Return lower and upper end of the percentile-bootstrap interval of each row's median.

    Args:
        values: shape (methods, seeds), infinite for a failure, NaN for an empty field; the same
            seeds in every row, which are resampled together. A row with empty fields is resampled
            alone, over the others.

    Returns:
        two arrays (methods,), NaN with fewer than two seeds. With fewer than six seeds even the
        range from the best to the worst seed holds the median less often than `LEVEL`.
    """
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    empty = np.isnan(values)
    whole = ~empty.any(axis=1)
    low[whole], high[whole] = _intervals(values[whole])
    for row in np.flatnonzero(~whole):
        low[row], high[row] = (end[0] for end in _intervals(values[row, ~empty[row]][None]))
    return low, high


def _intervals(values: Floats) -> tuple[Floats, Floats]:
    rows, seeds = values.shape
    if seeds < 2 or rows == 0:
        return np.full(rows, np.nan), np.full(rows, np.nan)
    finite = np.where(np.isfinite(values), values, np.finfo(float).max / 4)
    with np.errstate(all="ignore"):
        result = stats.bootstrap(
            (finite,),
            np.median,
            axis=-1,
            n_resamples=_RESAMPLES,
            batch=max(1, 20_000_000 // values.size),
            method="percentile",
            rng=numpy_generator(0, "ranking", "bootstrap"),
        )
    tail = (1 - LEVEL) / 2
    medians = result.bootstrap_distribution
    low = np.quantile(medians, tail, axis=-1, method="lower")
    high = np.quantile(medians, 1 - tail, axis=-1, method="higher")
    return _with_infinity(low), _with_infinity(high)


def _with_infinity(end: Floats) -> Floats:
    return np.where(end > np.finfo(float).max / 16, np.inf, end)
