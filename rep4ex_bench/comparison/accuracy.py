"""Two runs of a suite: errors and costs of every method on every scenario, paired by seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from rep4ex_bench.boards.declared import declarations
from rep4ex_bench.boards.intervals import median_interval
from rep4ex_bench.boards.ranking.one_table import can_decide, corrected_interval, corrected_p
from rep4ex_bench.boards.ranking.pairs import signed_rank_p, smallest_p
from rep4ex_bench.boards.ranking.scores import log_ratio
from rep4ex_bench.comparison.change import APART, IMPROVEMENT, REGRESSION, Change, Sample
from rep4ex_bench.metric import Metric
from rep4ex_bench.records.kinds import failures
from rep4ex_bench.records.records import LEFT_OUT
from rep4ex_bench.registry import METRICS

_COSTS = ("process_seconds", "fit_seconds")


def accuracy_changes(
    before: pd.DataFrame, after: pd.DataFrame, least: float, with_costs: bool
) -> list[Change]:
    """Return the changes of two runs of `rep4ex-bench run`, not yet judged.

    Args:
        before: records of run A.
        after: records of run B.
        least: smallest ratio that counts.
        with_costs: whether seconds are compared; of two machines they are not.
    """
    found: list[Change] = []
    one, two = _cells(before), _cells(after)
    metrics = _scalars(before, after)
    declared = declarations(after)
    for key in sorted(set(one) | set(two)):
        if key not in one or key not in two:
            run = "A" if key in one else "B"
            found.append(Change(*key, "cells", verdict=APART, note=f"only in run {run}"))
            continue
        share = declared[key[0]].resampled_share
        found += _of_method(key, one[key], two[key], metrics, least, with_costs, share)
    return found


def _cells(records: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    groups = records.groupby(["scenario_label", "method_label"], sort=False)
    return {(str(a), str(b)): rows for (a, b), rows in groups}


def _of_method(
    key: tuple[str, str],
    a: pd.DataFrame,
    b: pd.DataFrame,
    metrics: list[type[Metric]],
    least: float,
    with_costs: bool,
    share: float | None,
) -> Iterator[Change]:
    seeds = sorted(set(a["seed"]) & set(b["seed"]))
    if not seeds:
        yield Change(*key, "cells", verdict=APART, note="no seed in both runs")
        return
    a, b = (rows[rows["seed"].isin(seeds)] for rows in (a, b))
    if (notes := _notes_of_left_out(a, b)) is not None:
        for note in notes:
            yield Change(*key, "cells", verdict=APART, note=note)
        return
    failed = [_failed(rows) for rows in (a, b)]
    if failed[0] != failed[1]:
        yield Change(
            *key,
            "failed cells",
            before=len(failed[0]),
            after=len(failed[1]),
            verdict=REGRESSION if failed[1] - failed[0] else IMPROVEMENT,
            note=f"seeds {sorted(failed[0] ^ failed[1])}",
        )
    for metric in metrics:
        one, two = (_errors(rows, metric) for rows in (a, b))
        yield from _paired(key, metric.error_name(), one, two, least, share)
    for quantity in _COSTS if with_costs else ():
        yield from _paired(key, quantity, _seconds(a, quantity), _seconds(b, quantity), least)


def _notes_of_left_out(a: pd.DataFrame, b: pd.DataFrame) -> list[str] | None:
    """Say what is left out of one run and not of the other; None where nothing is in either."""
    left = [rows[rows["status"].isin(LEFT_OUT)] for rows in (a, b)]
    if all(rows.empty for rows in left):
        return None
    return [
        f"{rows['status'].iloc[0].replace('_', ' ')} in run {run}: {rows['error'].iloc[0]}"
        for run, rows, other in zip("AB", left, reversed(left), strict=True)
        if len(rows) and set(rows["seed"]) != set(other["seed"])
    ]


def _failed(rows: pd.DataFrame) -> set[int]:
    return {int(seed) for seed in rows.loc[failures(rows), "seed"]}


def _scalars(a: pd.DataFrame, b: pd.DataFrame) -> list[type[Metric]]:
    """Return the scalar metrics of two runs that are known here, in the order of their records."""
    known = set(METRICS.names())
    names = dict.fromkeys([*a["metric"].unique(), *b["metric"].unique()])
    found = [METRICS.get(name) for name in names if name in known]
    return [metric for metric in found if not metric.axis]


def _errors(rows: pd.DataFrame, metric: type[Metric]) -> pd.Series:
    """Return how far a metric's values are from the best, by seed."""
    of_metric = (rows["metric"] == metric.name) & (rows["status"] == "ok") & rows["at"].isna()
    values = rows[of_metric].groupby("seed")["value"].max()
    return values if metric.best == 0 else (metric.best - values).abs()


def _seconds(rows: pd.DataFrame, quantity: str) -> pd.Series:
    return rows[rows["status"] == "ok"].groupby("seed")[quantity].first()


def _paired(
    key: tuple[str, str],
    quantity: str,
    a: pd.Series,
    b: pd.Series,
    least: float,
    share: float | None = None,
) -> Iterator[Change]:
    """Yield the change of one quantity; with a share the seeds split one table."""
    seeds = a.index.intersection(b.index)
    if seeds.empty:
        return
    difference = log_ratio(b.loc[seeds], a.loc[seeds])
    if share is None:
        ends, p = median_interval(difference), signed_rank_p(difference)
        low, high = (float(np.exp(end)) for end in ends)
        ratio = float(np.exp(np.median(difference)))
        sample = Sample(len(seeds), "seeds", smallest_p(len(seeds)), smallest_p)
    else:
        low, high = corrected_interval(np.exp(difference), share)
        ratio, p = float(np.exp(difference.mean())), corrected_p(difference, share)
        least_p = 0.0 if can_decide(len(seeds), share) else 1.0
        sample = Sample(len(seeds), "splits of one table", least_p, None)
    yield Change(
        *key,
        quantity,
        before=float(a.loc[seeds].median()),
        after=float(b.loc[seeds].median()),
        ratio=ratio,
        low=low,
        high=high,
        own=ratio,
        p=p,
        least=least,
        sample=sample,
        identical=not difference.any(),
    )
