"""Ranks with ties: contenders are ranked apart only where the rounds tell them apart."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from rep4ex_bench.boards.intervals import median_range
from rep4ex_bench.boards.speed.workloads import paired


def tells_apart(slow: pd.Series, fast: pd.Series, resolution: float) -> bool:
    """Say whether `slow` took longer than `fast`, beyond what the run can resolve.

    The interval of the median ratio by round must lie above 1 as a whole, with fewer rounds than an
    interval needs every round; and the median ratio must be at least the resolution.
    """
    ratio = paired(slow, fast)
    if len(ratio) < 2:
        return False
    low, _ = median_range(ratio)
    least = resolution if math.isfinite(resolution) else 1.0
    return low > 1 and float(np.median(ratio)) >= least


def ranks(rounds: dict[str, pd.Series], resolution: float) -> dict[str, tuple[int, bool]]:
    """Return per contender its rank and whether it shares it.

    The rank is 1 plus the number of contenders that are certainly faster. It is shared where at
    least one other contender can be told apart in neither direction.

    Args:
        rounds: seconds by round of every contender that is ranked.
        resolution: smallest ratio that counts.
    """
    faster = {
        a: {b for b in rounds if b != a and tells_apart(rounds[a], rounds[b], resolution)}
        for a in rounds
    }
    return {
        a: (
            1 + len(faster[a]),
            any(b != a and b not in faster[a] and a not in faster[b] for b in rounds),
        )
        for a in rounds
    }
