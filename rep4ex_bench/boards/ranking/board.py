"""The leaderboard: one row per scenario and method."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from rep4ex_bench.boards.columns import USUAL, MetricColumn, further_metrics
from rep4ex_bench.boards.declared import declarations
from rep4ex_bench.boards.groups import GROUPS, RANKED_GROUPS, configurations_of
from rep4ex_bench.boards.intervals import median_interval
from rep4ex_bench.boards.ranking.breakdown import breakdowns
from rep4ex_bench.boards.ranking.controls import Controlled, controlled
from rep4ex_bench.boards.ranking.coverage import reasons
from rep4ex_bench.boards.ranking.pareto import on_front
from rep4ex_bench.boards.ranking.scores import METRIC, Scores, scores
from rep4ex_bench.records.kinds import failures


def leaderboard(records: pd.DataFrame) -> pd.DataFrame:
    """Return one row per scenario and method, best median nmse_outside first within each role.

    Columns: scenario_label, data_label, method_label, role ("tuned" of a tuned method, which is
    ordered among its like, `groups.py`), rank (place among the methods of its role that apply;
    missing for oracles, controls and in an unsolved scenario), configurations (that it tried, 1
    where it was not tuned, 0 where nobody can tell), cells (all seeds of the scenario but those
    that are left out), cells_ok, cells_missing, then the median over seeds of nmse_outside,
    nmse_inside, affine_r2, affine_r2_do, of every further scalar metric of the records
    (`columns.py`) and of fit_seconds; nmse_outside_min and _max (over all seeds), nmse_outside_low
    and _high (95 % interval of the median, NaN with fewer than 6 seeds and where seeds split one
    table), one_table (whether they do); cost_seconds (median of fit and prediction together),
    on_front (of nmse_outside against cost_seconds, within the role), breakdown_ols and
    breakdown_mean (`breakdown.py`), each with _low and _high. A cell that failed or is missing has
    no value; it counts as infinitely bad in nmse_outside and nmse_inside and is not left out. A
    method that does not apply or is not installed has empty fields (NaN), comes last in its role,
    and `left_out` says why; "" elsewhere. `controls` is the state of the scenario (`controls.py`)
    and `breaks` says which assumptions it breaks. In an unsolved scenario nobody is on a front.
    """
    by_scenario = records.groupby("scenario_label", sort=False)
    found, further = scores(records), further_metrics(records)
    controls, declared = controlled(records, found), declarations(records)
    tried = configurations_of(records)
    tables = [
        _scenario(s, by_scenario.get_group(s.scenario), controls[s.scenario], further).assign(
            breaks=declared[s.scenario].breaks
        )
        for s in found
    ]
    board = pd.concat(tables, ignore_index=True)
    return board.assign(configurations=board["method_label"].map(tried))


def _scenario(
    found: Scores, rows: pd.DataFrame, controls: Controlled, further: list[MetricColumn]
) -> pd.DataFrame:
    methods = found.values.columns
    intervals = [_interval(found, str(m)) for m in methods]
    bad = rows.loc[failures(rows)]
    table = pd.DataFrame(
        {
            "scenario_label": found.scenario,
            "data_label": rows["data_label"].iloc[0],
            "role": [found.roles[m] for m in methods],
            "cells": found.values.notna().sum(),
            "cells_missing": found.missing.sum(),
            METRIC: found.values.median(),
            f"{METRIC}_min": found.values.min(),
            f"{METRIC}_max": found.values.max(),
            f"{METRIC}_low": [low for low, _ in intervals],
            f"{METRIC}_high": [high for _, high in intervals],
            "one_table": found.resampled_share is not None,
        },
        index=pd.Index(methods, name="method_label"),
    )
    failed = bad.groupby("method_label")["cell_key"].nunique().reindex(methods, fill_value=0)
    table["cells_ok"] = table["cells"] - table["cells_missing"] - failed
    keys = {name: name for name in USUAL} | {column.metric: column.key for column in further}
    for metric, key in keys.items():
        table[key] = _medians(rows, metric, table["cells"])
    fitted = rows[rows["status"] == "ok"].drop_duplicates("cell_key")
    table["fit_seconds"] = fitted.groupby("method_label")["fit_seconds"].median()
    whole = fitted["fit_seconds"] + fitted["predict_seconds"]
    table["cost_seconds"] = whole.groupby(fitted["method_label"]).median()
    table["on_front"] = _fronts(table) & controls.ranks
    table["controls"] = controls.state
    table = table.join(breakdowns(rows, independent=found.resampled_share is None))
    why = reasons(rows)
    empty = table["cells"] == 0
    table["left_out"] = [why.get(str(method), "") if empty[method] else "" for method in methods]
    table["_role"] = table["role"].map({role: i for i, role in enumerate(GROUPS)})
    order = table.reset_index().sort_values(
        ["_role", METRIC, "method_label"], na_position="last", kind="stable"
    )
    ranked = order["role"].isin(RANKED_GROUPS) & (order["left_out"] == "") & controls.ranks
    places = ranked.groupby(order["role"]).cumsum()
    order["rank"] = places.where(ranked).astype("Int64")
    return order.drop(columns="_role")


def _interval(found: Scores, method: str) -> tuple[float, float]:
    if found.resampled_share is not None:  # splits do not show how tables vary
        return (math.nan, math.nan)
    return median_interval(found.values[method].dropna().to_numpy(float))


def _medians(rows: pd.DataFrame, metric: str, cells: pd.Series) -> pd.Series:
    """Return the median over seeds; of an error, over all cells: those without value are bad."""
    good = rows[(rows["metric"] == metric) & (rows["status"] == "ok")]
    values = good.groupby("method_label")["value"].agg(list)
    found = {}
    for method, count in cells.items():
        present = values.get(method, [])
        if counts_failures(metric):
            present = [*present, *[math.inf] * (int(count) - len(present))]
        found[method] = float(np.median(present)) if present else math.nan
    return pd.Series(found)


def counts_failures(metric: str) -> bool:
    """Say whether a cell without a value of a metric counts as infinitely bad, not as none."""
    return metric.startswith("nmse")


def _fronts(table: pd.DataFrame) -> pd.Series:
    found = pd.Series(False, index=table.index)
    for _, rows in table.groupby("role"):
        front = on_front(rows[METRIC].to_numpy(float), rows["cost_seconds"].to_numpy(float))
        found[rows.index] = front
    return found
