"""Numbers as they are shown: three significant digits, and what is not a number says why."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

_MINUS = "\N{MINUS SIGN}"
_ABSENT = "\N{EN DASH}"


def shown(value: float) -> str:
    """Return three significant digits, an en dash for what does not exist, "failed" for infinity.

    Infinity is how `ranking.leaderboard` counts a cell without a value.
    """
    if math.isnan(value):
        return _ABSENT
    if math.isinf(value):
        return "failed"
    size = abs(value)
    if size != 0 and not 1e-3 <= size < 1e4:
        text = f"{value:.1e}".replace("e+0", "e+").replace("e-0", "e-").replace("e+", "e")
    else:
        # "#" keeps trailing zeros: columns of .0500 and .0512 are compared at a glance
        text = f"{value:#.3g}".rstrip(".") if size < 1000 else f"{value:.0f}"
    return text.replace("-", _MINUS)


def spread(low: float, high: float) -> str:
    """Return "low to high", or nothing where there is no value at all."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{shown(low)} to {shown(high)}"


def plain(value: float, digits: int = 5) -> float | None:
    """Return the value for JSON: rounded to significant digits, None for what is not finite."""
    number = float(value)
    return float(f"{number:.{digits}g}") if math.isfinite(number) else None


def log_range(
    values: Iterable[float], floor: float = 1e-6, headroom: float = 100.0
) -> tuple[float, float]:
    """Return (low, high), whole decades that hold the values and 1, on a logarithmic axis.

    The top is cut at `headroom` or ten times the smallest value, whichever is more: a method that
    explodes must not press the others into one line. The bottom is cut at `floor`.
    """
    finite = [v for v in values if math.isfinite(v) and v > 0]
    if not finite:
        return (0.01, 10.0)
    top = min(max(finite), max(headroom, 10 * min(finite)))
    low = 10.0 ** math.floor(math.log10(min(max(min(finite), floor), 0.5)))
    high = 10.0 ** math.ceil(math.log10(max(top, 2.0)))
    return (low, max(high, 10 * low))


def median(values: Iterable[float]) -> float:
    """Return the median of the finite values, NaN if there are none."""
    finite = [v for v in values if math.isfinite(v)]
    return float(np.median(finite)) if finite else math.nan
