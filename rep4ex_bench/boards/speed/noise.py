"""How noisy a run was: its drift, and the smallest ratio that it can tell from 1.

A reference kernel, always the same work, is timed all along. Two of its timings one after the other
differ by noise alone, so the median of R such ratios tells what R rounds of identical work look
like. Slow drift cancels in ratios within a workload, whose contenders alternate; it does not cancel
between workloads, which is why it has an alarm of its own.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import iqr, kruskal, norm

from rep4ex_bench.boards.intervals import LEVEL, median_range
from rep4ex_bench.boards.speed.workloads import DRIFT_REFERENCE, paired
from rep4ex_bench.data import FloatArray

_BLOCKS = 5
_SMALLEST_BLOCK = 3
_DRIFT_SIZE = 1.05
_DRIFT_LEVEL = 0.01


@dataclass(frozen=True)
class Drift:
    """What the reference kernel did in the course of the run.

    Attributes:
        device: where it ran.
        timings: how often it was timed.
        size: slowest over fastest median among five stretches of the run, NaN if too few timings.
        p_value: of the Kruskal-Wallis test that all stretches have one distribution.
        noise: standard deviation of the logarithm of the ratio of two neighbouring timings, by
            the interquartile range; NaN below 4 timings.
    """

    device: str
    timings: int
    size: float
    p_value: float
    noise: float

    @property
    def alarm(self) -> bool:
        """Say whether the machine changed by more than 5 % and not by chance (p < .01)."""
        return self.size > _DRIFT_SIZE and self.p_value < _DRIFT_LEVEL


def drifts(records: pd.DataFrame, clocks: dict[str, str]) -> dict[str, Drift]:
    """Return the drift of every device.

    Args:
        records: of the run.
        clocks: device -> the clock by which its workloads are ranked.
    """
    rows = records[(records["method"] == DRIFT_REFERENCE) & (records["status"] == "ok")]
    found = {}
    for device, of_device in rows.groupby("device", sort=False):
        clock = clocks.get(str(device), "process_seconds")
        timed = of_device[of_device["metric"] == clock].sort_values("at", kind="stable")
        seconds = timed["value"].to_numpy(float)
        found[str(device)] = _drift(str(device), seconds[seconds > 0])
    return found


def _drift(device: str, seconds: FloatArray) -> Drift:
    blocks = np.array_split(seconds, _BLOCKS)
    size = p_value = math.nan
    if len(seconds) >= _BLOCKS * _SMALLEST_BLOCK:
        medians = [float(np.median(block)) for block in blocks]
        size = max(medians) / min(medians)
        p_value = 1.0 if np.ptp(seconds) == 0 else float(kruskal(*blocks).pvalue)
    steps = np.diff(np.log(seconds))
    noise = float(iqr(steps, scale="normal")) if len(steps) >= 3 else math.nan
    return Drift(device, len(seconds), size, p_value, noise)


def resolution(rounds: dict[str, pd.Series], drift: Drift | None) -> float:
    """Return the smallest ratio of two contenders of a workload that its rounds tell from 1.

    The larger of two: half the interval of the ratio of the typical pair of contenders, and what
    as many rounds of identical work show, by the reference kernel. NaN if neither is known.

    Args:
        rounds: seconds by round of every contender that is ranked.
        drift: of the device.
    """
    widths = []
    for a, b in itertools.combinations(rounds.values(), 2):
        low, high = median_range(np.log(paired(a, b)))
        widths.append((high - low) / 2)
    known = [float(np.median(widths))] if widths else []
    if drift is not None and math.isfinite(drift.noise) and rounds:
        count = float(np.median([len(each) for each in rounds.values()]))
        # the median of `count` normal values has sqrt(pi / 2) times the standard error of the mean
        quantile = float(norm.ppf((1 + LEVEL) / 2))
        known.append(quantile * math.sqrt(math.pi / 2 / count) * drift.noise)
    known = [value for value in known if math.isfinite(value)]
    return math.exp(max(known)) if known else math.nan
